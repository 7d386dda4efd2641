import { limpet } from "../../src/app.ts";
import * as objects from "../../src/assembly/objects.ts";
import type { Fault, Orders } from "./orders.ts";

/**
 * The router over storage that fails on command, for tests. `PUT /__fault` with `Orders` gives orders; the
 * answer is the number of faults that were injected so far. Worker and objects run in one isolate of
 * the local runtime, so a module's variables reach them all.
 */

const faults = { map: "none", pool: "none", kv: "none" } as Record<"map" | "pool" | "kv", Fault>;
let injected = 0;
let clockMs = 0;
let router = limpet();

const trueNow = Date.now;
Date.now = () => trueNow() + clockMs;

/** Does the work, or what was ordered instead. */
async function suffer<T>(of: keyof typeof faults, work: () => T, abort?: () => void): Promise<T> {
  const fault = faults[of];
  if (fault !== "none") injected += 1;
  switch (fault) {
    case "none":
      return work();
    case "throws":
      throw new Error("ordered to fail");
    case "retryable":
      throw Object.assign(new Error("ordered to fail"), { retryable: true });
    case "overloaded":
      throw Object.assign(new Error("overloaded"), { retryable: true, overloaded: true });
    case "hangs":
      return scheduler.wait(4_000).then(() => Promise.reject(new Error("ordered to hang")));
    case "lost":
      await work();
      throw new Error("the answer is lost");
    case "aborts":
      abort?.();
      return work();
  }
}

type ObjectClass = new (ctx: DurableObjectState, env: Cloudflare.Env) => object;

/** Lets every call to an object of this class suffer; alarms and its own calls do not. */
function faulty<T extends ObjectClass>(real: T, of: "map" | "pool", names: readonly string[]): T {
  const Base = real as ObjectClass;
  class Faulty extends Base {
    readonly state: DurableObjectState;
    constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
      super(ctx, env);
      this.state = ctx;
    }
  }
  for (const name of names) {
    const method = Reflect.get(real.prototype, name) as (...args: unknown[]) => unknown;
    Object.defineProperty(Faulty.prototype, name, {
      value(this: Faulty, ...args: unknown[]) {
        const abort = () => this.state.abort("ordered to be evicted");
        return suffer(of, () => method.apply(this, args), abort);
      },
    });
  }
  return Faulty as unknown as T;
}

export const SessionMap = faulty(objects.SessionMap, "map", [
  "assign",
  "move",
  "release",
  "find",
  "forget",
  "list",
  "moveIdle",
  "releaseOlder",
  "counts",
]);

export const PoolState = faulty(objects.PoolState, "pool", [
  "view",
  "adopt",
  "recall",
  "report",
  "change",
  "raise",
  "events",
]);

function faultyKv(kv: KVNamespace): KVNamespace {
  return new Proxy(kv, {
    get(target, name) {
      const method = Reflect.get(target, name) as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => suffer("kv", () => method.apply(target, args));
    },
  });
}

let bindings: object | null = null;

/** One object for good: the router tells its isolates apart by it. */
function faultyBindings(env: object): object {
  const kv = (env as { SESSIONS_KV?: KVNamespace }).SESSIONS_KV;
  bindings ??= kv === undefined ? env : { ...env, SESSIONS_KV: faultyKv(kv) };
  return bindings;
}

function obey({ newIsolate, clockMs: ms, ...rest }: Orders): void {
  Object.assign(faults, rest);
  clockMs = ms ?? clockMs;
  if (newIsolate) router = limpet();
}

export default {
  async fetch(request: Request, env: object, ctx: ExecutionContext): Promise<Response> {
    if (new URL(request.url).pathname !== "/__fault") {
      return router.fetch(request, faultyBindings(env), ctx);
    }
    obey(await request.json<Orders>());
    return new Response(String(injected));
  },
};
