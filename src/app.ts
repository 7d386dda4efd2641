import { adminApp } from "./admin/api.ts";
import { assemble, type Namespaces, type Router } from "./assemble.ts";
import { readConfig, type Reading } from "./config/config.ts";
import type { AdminSettings, Background } from "./model.ts";
import { failureResponse, type Failure } from "./outcome.ts";
import { requestIdOf } from "./arrival.ts";
import { route } from "./route.ts";

/** The router of an isolate: made from the bindings once, and kept as long as they are. */
interface Isolate {
  readonly admin: AdminSettings;
  readonly adminFetch: ReturnType<typeof adminApp>["fetch"];
  /** Null while the configuration is wrong. */
  readonly router: Promise<Router> | null;
}

const isolates = new WeakMap<object, Isolate>();

export async function handle(
  request: Request,
  env: object,
  ctx: ExecutionContext,
): Promise<Response> {
  const isolate = isolates.get(env) ?? newIsolate(env, ctx);
  if (isAdminPath(request.url, isolate.admin.path)) return isolate.adminFetch(request, env, ctx);
  const answer = await serve(isolate, request, (work) => ctx.waitUntil(work));
  if (answer instanceof Response) return answer;
  const { headers } = request;
  return failureResponse(answer, requestIdOf(headers), headers.get("accept"));
}

async function serve(
  isolate: Isolate,
  request: Request,
  background: Background,
): Promise<Response | Failure> {
  if (isolate.router === null) return { code: "misconfigured" };
  try {
    return await route(await isolate.router, request, background);
  } catch (error) {
    const stack = error instanceof Error ? error.stack : String(error);
    console.error(
      JSON.stringify({ message: "request failed", requestId: requestIdOf(request.headers), stack }),
    );
    return { code: "internal_error" };
  }
}

function newIsolate(env: object, ctx: ExecutionContext): Isolate {
  const bindings = env as Readonly<Record<string, unknown>>;
  const isolate = isolateOf(readConfig(bindings), bindings);
  isolates.set(env, isolate);
  // Other requests wait for it too: it must be finished even if this client goes away.
  if (isolate.router !== null) ctx.waitUntil(isolate.router);
  return isolate;
}

function isolateOf(reading: Reading, env: Readonly<Record<string, unknown>>): Isolate {
  if (!reading.ok) {
    const { admin, problems } = reading;
    console.error(JSON.stringify({ message: "the configuration is wrong", problems }));
    return { admin, adminFetch: adminApp({ admin, router: null, problems }).fetch, router: null };
  }
  const namespaces: Namespaces = {
    sessionMap: env["SESSION_MAP"] as DurableObjectNamespace,
    poolState: env["POOL_STATE"] as DurableObjectNamespace,
    sessionsKv: (env["SESSIONS_KV"] as KVNamespace | undefined) ?? null,
  };
  const router = assemble(reading.config, namespaces);
  const { admin } = reading.config;
  return { admin, adminFetch: adminApp({ admin, router, problems: [] }).fetch, router };
}

/** Only the path decides, before any decoding: nothing else can reach the admin or slip past it. */
function isAdminPath(url: string, adminPath: string): boolean {
  const at = url.indexOf("/", url.indexOf("//") + 2);
  if (at === -1 || !url.startsWith(adminPath, at)) return false;
  const next = url[at + adminPath.length];
  return next === undefined || next === "/" || next === "?" || next === "#";
}
