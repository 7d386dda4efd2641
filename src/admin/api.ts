import type { Context } from "hono";
import { Hono } from "hono/tiny";

import type { Router } from "../assembly/assemble.ts";
import type { AdminSettings, Problem } from "../model.ts";
import { fail, guarded, makeDoor } from "./auth.ts";
import { addAssets } from "./dashboard/assets.ts";
import { addDashboard } from "./dashboard/dashboard.tsx";
import { addLogin } from "./dashboard/login.tsx";
import type { Endpoint } from "./endpoint.ts";
import { isKnown, tagOf } from "./etag.ts";
import { readBody, readQuery } from "./input.ts";
import { ROUTES } from "./routes/table.ts";

export interface AdminParts {
  readonly admin: AdminSettings;
  /** Null while the configuration is wrong; the problems are then all there is to see. */
  readonly router: Promise<Router> | null;
  readonly problems: readonly Problem[];
  /** The bindings that a configuration may name. */
  readonly fetchers: (binding: string) => Fetcher | null;
}

/** The admin routes, all of them behind the token. */
export function adminApp({ admin, router, problems, fetchers }: AdminParts) {
  const app = new Hono({ strict: true }).basePath(admin.path);
  const door = makeDoor(admin);
  app.use(guarded);
  if (admin.token !== null) addAssets(app);
  addLogin(app, admin, door);
  app.use(door.guard);
  addDashboard(app, { path: admin.path, router, problems });
  if (router === null) app.all("/ui/*", (c) => misconfigured(c, problems));

  for (const [path, methods] of byPath(ROUTES)) {
    const allow = [...methods.keys()]
      .flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]))
      .join(", ");
    app.all(path, async (c) => {
      const { method } = c.req;
      const endpoint = methods.get(method === "HEAD" ? "GET" : method);
      if (endpoint === undefined) return fail(c, { code: "method_not_allowed", allow });
      if (router === null) return misconfigured(c, problems);
      try {
        return await answer(c, endpoint, await router, fetchers);
      } catch (error) {
        console.error(
          JSON.stringify({ message: "admin route failed", path, error: String(error) }),
        );
        return fail(c, { code: "storage_unavailable" });
      }
    });
  }

  app.all("*", (c) => {
    const allow = PAGES[c.req.path.slice(admin.path.length)];
    const isElsewise = allow !== undefined && !allow.split(", ").includes(c.req.method);
    return fail(c, isElsewise ? { code: "method_not_allowed", allow } : { code: "not_found" });
  });
  app.onError((error, c) => {
    console.error(JSON.stringify({ message: "admin page failed", error: String(error) }));
    return fail(c, { code: "storage_unavailable" });
  });
  return app;
}

/** The methods of what is for people. */
const PAGES: Readonly<Record<string, string>> = {
  "": "GET, HEAD",
  "/": "GET, HEAD",
  "/login": "GET, HEAD, POST",
  "/logout": "POST",
};

async function answer(
  c: Context,
  endpoint: Endpoint,
  router: Router,
  fetchers: AdminParts["fetchers"],
): Promise<Response> {
  const request = c.req.raw;
  const query = readQuery(endpoint.query, request.url);
  if (!("value" in query)) return fail(c, query);
  const body = await readBody(endpoint.body, request);
  if (!("value" in body)) return fail(c, body);
  const params = c.req.param();
  const reply = await endpoint.handle({
    router,
    params,
    query: query.value,
    body: body.value,
    request,
    fetchers,
    background: (work) => c.executionCtx.waitUntil(work),
  });
  if (reply instanceof Response) return reply;
  return "value" in reply ? json(endpoint, request, reply.value, reply.tag) : fail(c, reply);
}

async function json(
  { method, isTagged = false }: Endpoint,
  request: Request,
  value: unknown,
  given: string | undefined,
): Promise<Response> {
  const body = JSON.stringify(value);
  const headers = new Headers({ "Content-Type": "application/json" });
  const tag = given ?? (isTagged && method === "GET" ? await tagOf(body) : null);
  if (tag !== null) headers.set("ETag", tag);
  const isOld =
    method === "GET" && tag !== null && isKnown(request.headers.get("if-none-match"), tag);
  return isOld ? new Response(null, { status: 304, headers }) : new Response(body, { headers });
}

/** The methods of each path; any other method is told which there are. */
function byPath(endpoints: readonly Endpoint[]): Map<string, Map<string, Endpoint>> {
  const paths = new Map<string, Map<string, Endpoint>>();
  for (const endpoint of endpoints) {
    const methods = paths.get(endpoint.path) ?? new Map<string, Endpoint>();
    paths.set(endpoint.path, methods.set(endpoint.method, endpoint));
  }
  return paths;
}

function misconfigured(c: Context, problems: readonly Problem[]): Response {
  const body = {
    title: "The configuration is wrong",
    status: 500,
    code: "misconfigured",
    problems,
  };
  return c.json(body, 500, { "Content-Type": "application/problem+json" });
}
