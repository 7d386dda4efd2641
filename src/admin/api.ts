import { Hono, type Context } from "hono";
import * as v from "valibot";

import { requestIdOf } from "../arrival.ts";
import type { Router } from "../assemble.ts";
import type { AdminSettings, Problem } from "../model.ts";
import { failureResponse, type Failure } from "../outcome.ts";
import { isAuthorized } from "./auth.ts";
import { viewPool } from "./pools.ts";
import { describe, sessionsQuery } from "./schemas.ts";
import { findSession, listSessions, releaseSession } from "./sessions.ts";

export interface AdminParts {
  readonly admin: AdminSettings;
  /** Null while the configuration is wrong; the problems are then all there is to see. */
  readonly router: Promise<Router> | null;
  readonly problems: readonly Problem[];
}

type Handler = (router: Router, c: Context) => Promise<Response | Failure>;

/** The admin routes (DESIGN.md §9), all of them behind the token. */
export function adminApp({ admin, router, problems }: AdminParts) {
  const app = new Hono({ strict: true }).basePath(admin.path);
  const { token } = admin;

  app.use(async (c, next) => {
    if (token === null) return fail(c, { code: "not_found" });
    if (!(await isAuthorized(c.req.raw.headers, token))) return fail(c, { code: "unauthorized" });
    await next();
    c.header("Cache-Control", "no-store");
    c.header("X-Content-Type-Options", "nosniff");
    return undefined;
  });

  /** One resource with its methods; any other method is told which there are. */
  const resource = (path: string, methods: Readonly<Record<string, Handler>>) => {
    const allow = Object.keys(methods)
      .flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]))
      .join(", ");
    app.all(path, async (c) => {
      const method = c.req.method === "HEAD" ? "GET" : c.req.method;
      const handler = methods[method];
      if (handler === undefined) return fail(c, { code: "method_not_allowed", allow });
      if (router === null) {
        return c.json(
          { title: "The configuration is wrong", status: 500, code: "misconfigured", problems },
          500,
          PROBLEM,
        );
      }
      try {
        const answer = await handler(await router, c);
        return answer instanceof Response ? answer : fail(c, answer);
      } catch (error) {
        console.error(
          JSON.stringify({ message: "admin route failed", path, error: String(error) }),
        );
        return fail(c, { code: "storage_unavailable" });
      }
    });
  };

  resource("/api/sessions", {
    GET: async ({ pools }, c) => {
      const query = v.safeParse(sessionsQuery, c.req.query());
      if (!query.success) return { code: "invalid_input", detail: describe(query.issues) };
      const { pool } = query.output;
      if (pool !== undefined && !pools.some((parts) => parts.pool.name === pool)) {
        return { code: "not_found" };
      }
      return c.json(await listSessions(pools, query.output));
    },
  });

  resource("/api/sessions/:id", {
    GET: async ({ pools }, c) => found(c, await findSession(pools, c.req.param("id") ?? "")),
    DELETE: async ({ pools }, c) => found(c, await releaseSession(pools, c.req.param("id") ?? "")),
  });

  resource("/api/pools", {
    GET: async ({ pools }, c) => c.json({ pools: await Promise.all(pools.map(viewPool)) }),
  });

  resource("/api/pools/:pool", {
    GET: async ({ pools }, c) => {
      const parts = pools.find(({ pool }) => pool.name === c.req.param("pool"));
      return parts === undefined ? { code: "not_found" } : c.json(await viewPool(parts));
    },
  });

  app.all("*", (c) => fail(c, { code: "not_found" }));
  return app;
}

const PROBLEM = { "Content-Type": "application/problem+json" };

function found(c: Context, value: object | null): Response | Failure {
  return value === null ? { code: "not_found" } : c.json(value);
}

function fail(c: Context, failure: Failure): Response {
  const { headers } = c.req.raw;
  return failureResponse(failure, requestIdOf(headers), headers.get("accept"));
}
