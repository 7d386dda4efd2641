import { Hono, type Context } from "hono";
import * as v from "valibot";

import { requestIdOf } from "../arrival.ts";
import type { PoolParts, Router } from "../assemble.ts";
import type { AdminSettings, Problem } from "../model.ts";
import { failureResponse, type Failure } from "../outcome.ts";
import { isAuthorized } from "./auth.ts";
import { changeOrigin, listEvents, releaseAll, viewPool } from "./pools.ts";
import {
  describe,
  eventsQuery,
  moveBody,
  originBody,
  releaseQuery,
  sessionsQuery,
  toChange,
} from "./schemas.ts";
import { findSession, listSessions, moveSession, releaseSession } from "./sessions.ts";

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
    DELETE: async ({ pools }, c) => {
      const query = v.safeParse(releaseQuery, c.req.query());
      if (!query.success) return { code: "invalid_input", detail: describe(query.issues) };
      const { pool, origin = null } = query.output;
      if (pool === undefined && origin === null) {
        return { code: "invalid_input", detail: "give pool, origin, or both" };
      }
      const chosen = pools.filter(
        (parts) => (pool === undefined || parts.pool.name === pool) && hasOrigin(parts, origin),
      );
      if (chosen.length === 0) return { code: "not_found" };
      const released = await Promise.all(chosen.map((parts) => releaseAll(parts, origin)));
      return c.json({ released: released.reduce((sum, count) => sum + count, 0) });
    },
  });

  resource("/api/sessions/:id", {
    GET: async ({ pools }, c) => found(c, await findSession(pools, c.req.param("id") ?? "")),
    PATCH: async ({ pools }, c) => {
      const body = v.safeParse(moveBody, await readBody(c));
      if (!body.success) return { code: "invalid_input", detail: describe(body.issues) };
      const moved = await moveSession(pools, c.req.param("id") ?? "", body.output.origin);
      if (moved === "no session") return { code: "not_found" };
      if (moved === "no origin") {
        return {
          code: "invalid_input",
          detail: "origin: expected the name of an origin of the pool",
        };
      }
      return c.json(moved);
    },
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

  resource("/api/pools/:pool/origins/:origin", {
    PATCH: async ({ pools }, c) => {
      const parts = pools.find(({ pool }) => pool.name === c.req.param("pool"));
      const origin = c.req.param("origin") ?? "";
      if (parts === undefined || !hasOrigin(parts, origin)) return { code: "not_found" };
      const body = v.safeParse(originBody, await readBody(c));
      if (!body.success) return { code: "invalid_input", detail: describe(body.issues) };
      const change = toChange(body.output);
      if (!(await changeOrigin(parts, origin, change))) {
        return {
          code: "invalid_input",
          detail: "deadline: expected only for an origin that drains",
        };
      }
      const { origins } = await viewPool(parts);
      return found(c, origins.find(({ name }) => name === origin) ?? null);
    },
  });

  resource("/api/events", {
    GET: async ({ pools }, c) => {
      const query = v.safeParse(eventsQuery, c.req.query());
      if (!query.success) return { code: "invalid_input", detail: describe(query.issues) };
      return c.json(await listEvents(pools, query.output));
    },
  });

  app.all("*", (c) => fail(c, { code: "not_found" }));
  return app;
}

const PROBLEM = { "Content-Type": "application/problem+json" };

function hasOrigin({ pool }: PoolParts, origin: string | null): boolean {
  return origin === null || pool.origins.some(({ name }) => name === origin);
}

/** The JSON body; undefined, which no schema takes, if it is none. */
async function readBody(c: Context): Promise<unknown> {
  try {
    return await c.req.json();
  } catch {
    return undefined;
  }
}

function found(c: Context, value: object | null): Response | Failure {
  return value === null ? { code: "not_found" } : c.json(value);
}

function fail(c: Context, failure: Failure): Response {
  const { headers } = c.req.raw;
  return failureResponse(failure, requestIdOf(headers), headers.get("accept"));
}
