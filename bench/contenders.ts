import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { startRouter, type Router } from "../test/kit/workerd.ts";
import type { ObjectBinding } from "../test/kit/capnp.ts";
import { tied } from "./load.ts";

/** A Worker that takes part in a variant. */
export interface Contender {
  readonly name: string;
  readonly entry: string;
  readonly vars: (origins: readonly string[]) => Readonly<Record<string, unknown>>;
  /** Default: the router's own two classes. */
  readonly objects?: readonly ObjectBinding[];
}

/** BENCH_ENTRY measures another one. */
export const workerEntry = process.env["BENCH_ENTRY"] ?? "src/index.ts";

const workers = "bench/workers";

/** A pass-through: no choice, no cookie, no storage. */
export const bare: Contender = {
  name: "bare",
  entry: `${workers}/bare.ts`,
  vars: (origins) => ({ ORIGINS: origins }),
  objects: [],
};

/** One Durable Object call on every request. */
export const perRequestObject: Contender = {
  name: "per-request object",
  entry: `${workers}/per-request-object.ts`,
  vars: (origins) => ({ ORIGINS: origins }),
  objects: [{ binding: "SESSION_MAP", className: "SessionMap" }],
};

/** Limpet, configured with these vars beside its origins. */
export function limpet(
  vars: Contender["vars"] = (origins) => ({ ORIGINS: origins }),
  name = "limpet",
): Contender {
  return { name, entry: workerEntry, vars };
}

export function startContender(contender: Contender, origins: readonly string[]): Promise<Router> {
  return startRouter({
    entry: contender.entry,
    minify: true,
    vars: contender.vars(origins),
    secrets: { AFFINITY_SECRET: "bench".padEnd(64, "-"), ADMIN_TOKEN: "bench".padEnd(32, "-") },
    ...(contender.objects ? { objects: contender.objects } : {}),
  });
}

/** Starts the origins' process; they live until `stop`, or as long as we do. */
export async function startOrigins(
  count: number,
): Promise<{ readonly urls: readonly string[]; stop(): void }> {
  const child = tied(fork(join(import.meta.dirname, "origin.ts"), [String(count)]));
  const [ports] = (await once(child, "message")) as [number[]];
  return {
    urls: ports.map((port) => `http://127.0.0.1:${port}`),
    stop: () => void child.kill("SIGKILL"),
  };
}
