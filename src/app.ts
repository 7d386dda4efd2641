import { adminPath, type AdminPath } from "./admin/path.ts";
import { adminApp, type AdminParts } from "./admin/api.ts";
import { assemble, type Namespaces, type Router } from "./assembly/assemble.ts";
import { bindingsOf, readConfig, type Reading } from "./config/config.ts";
import type { LimpetOptions } from "./config/options.ts";
import { unknownOptions, withOptions } from "./config/with-options.ts";
import type { Background } from "./model.ts";
import { observeRefusal } from "./route/observe.ts";
import { failureResponse, type Failure } from "./outcome.ts";
import { reopened } from "./proxy/respond.ts";
import { requestIdOf } from "./shared/arrival.ts";
import { inJurisdiction } from "./shared/jurisdiction.ts";
import { route } from "./route.ts";

/** What Hono's context has of what we need. */
export interface MountContext {
  readonly req: { readonly raw: Request };
  readonly env: unknown;
  readonly executionCtx: Lifetime;
}

export interface Lifetime {
  waitUntil(work: Promise<unknown>): void;
}

/** A router: a Hono middleware, or with `fetch` a whole Worker. */
export interface Limpet {
  /** Answers what a pool takes and the admin path; everything else is `next`'s. */
  (c: MountContext, next: () => Promise<void>): Promise<Response | void>;
  /** The same with 404 `no_pool` for everything else. Needs no `this`. */
  fetch(request: Request, env: unknown, ctx: Lifetime): Promise<Response>;
}

/** The router of an isolate: made from the bindings once, and kept as long as they are. */
interface Isolate {
  readonly adminPath: AdminPath;
  /** Made when an operator first asks: no other request waits for it. */
  readonly admin: () => ReturnType<typeof adminApp>;
  /** Null while the configuration is wrong. */
  readonly router: Promise<Router> | null;
  /** The same once it is assembled, so that no request waits for it again. */
  ready: Router | null;
}

/** What becomes of a request that no pool takes; it may be refused. */
type Elsewhere<T> = (refuse: (failure: Failure) => Promise<Response>) => T | Promise<T>;

/**
 * A sticky-session router. What the options leave out is read from the environment of the first
 * request. Never throws: mistakes are answered 500 `misconfigured`, and listed in the log.
 */
export function limpet(options: LimpetOptions = {}): Limpet {
  const isolates = new WeakMap<object, Isolate>();

  async function handle<T>(
    request: Request,
    env: unknown,
    ctx: Lifetime,
    elsewhere: Elsewhere<T>,
  ): Promise<Response | T> {
    const isolate = isolates.get(env as object) ?? newIsolate(env as object, ctx);
    const background: Background = (work) => ctx.waitUntil(work);
    const whose = isolate.adminPath(request.url);
    if (whose === "admin") {
      return isolate.admin().fetch(request, env as object, ctx as ExecutionContext);
    }
    const refuseIt = (failure: Failure) => refuse(isolate, request, failure, background);
    if (whose === "look-alike") return refuseIt({ code: "not_found" });
    if (isolate.router === null) return refuseIt({ code: "misconfigured" });
    try {
      const router = isolate.ready ?? (await ready(isolate, isolate.router));
      const answer = await route(router, request, background);
      if (answer !== null) return answer;
    } catch (error) {
      logError(request, error);
      return refuseIt({ code: "internal_error" });
    }
    return elsewhere(refuseIt);
  }

  function newIsolate(env: object, ctx: Lifetime): Isolate {
    const bindings = withOptions(options, env as Readonly<Record<string, unknown>>);
    const isolate = isolateOf(readConfig(bindings, unknownOptions(options)), bindings);
    isolates.set(env, isolate);
    // Other requests wait for it too: it must be finished even if this client goes away.
    if (isolate.router !== null) ctx.waitUntil(isolate.router);
    return isolate;
  }

  return Object.assign(
    async function limpet({ req, env, executionCtx }: MountContext, next: () => Promise<void>) {
      const answer = await handle(req.raw, env, executionCtx, () => next());
      // An origin's answer refuses changes of its headers; other middleware makes some.
      return answer instanceof Response ? reopened(answer) : answer;
    },
    {
      fetch: (request: Request, env: unknown, ctx: Lifetime) =>
        handle(request, env, ctx, (refuse) => refuse({ code: "no_pool" })),
    },
  );
}

async function ready(isolate: Isolate, router: Promise<Router>): Promise<Router> {
  isolate.ready = await router;
  return isolate.ready;
}

function logError({ headers }: Request, error: unknown): void {
  const stack = error instanceof Error ? error.stack : String(error);
  const requestId = requestIdOf(headers);
  console.error(JSON.stringify({ message: "request failed", requestId, stack }));
}

async function refuse(
  { router }: Isolate,
  { headers }: Request,
  failure: Failure,
  background: Background,
): Promise<Response> {
  const response = failureResponse(failure, requestIdOf(headers), headers.get("accept"));
  const made = router === null ? null : await router.catch(() => null);
  if (made !== null) observeRefusal(made, null, headers, failure, response.status, background);
  return response;
}

function isolateOf(reading: Reading, env: Readonly<Record<string, unknown>>): Isolate {
  const fetchers = bindingsOf(env);
  if (!reading.ok) {
    const { admin, problems } = reading;
    console.error(JSON.stringify({ message: "the configuration is wrong", problems }));
    return isolateWith({ admin, router: null, problems, fetchers });
  }
  const namespaceOf = (name: string) =>
    inJurisdiction(env[name] as DurableObjectNamespace, reading.config.jurisdiction);
  const namespaces: Namespaces = {
    sessionMap: namespaceOf("SESSION_MAP"),
    poolState: namespaceOf("POOL_STATE"),
    sessionsKv: (env["SESSIONS_KV"] as KVNamespace | undefined) ?? null,
  };
  const router = assemble(reading.config, namespaces);
  const { admin } = reading.config;
  return isolateWith({ admin, router, problems: [], fetchers });
}

function isolateWith(parts: AdminParts): Isolate {
  let made: ReturnType<typeof adminApp> | null = null;
  return {
    adminPath: adminPath(parts.admin.path),
    admin: () => (made ??= adminApp(parts)),
    router: parts.router,
    ready: null,
  };
}
