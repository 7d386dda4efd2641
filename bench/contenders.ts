import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { startRouter, type Router } from "../test/kit/workerd.ts";
import type { ObjectBinding } from "../test/kit/capnp.ts";
import { tied } from "./load.ts";
import { isInstalled, rivals, startRival, type Rival } from "./rivals.ts";

/** Who takes part in a variant: a Worker, or a native proxy. */
export type Contender = WorkerContender | RivalContender;

interface RivalContender {
  readonly name: string;
  readonly rival: Rival;
}

interface WorkerContender {
  readonly name: string;
  readonly rival?: undefined;
  readonly entry: string;
  readonly vars: (origins: readonly string[]) => Readonly<Record<string, unknown>>;
  /** Default: the router's own two classes. */
  readonly objects?: readonly ObjectBinding[];
}

/** BENCH_ENTRY measures another one. */
export const workerEntry = process.env["BENCH_ENTRY"] ?? "src/index.ts";

const workers = "bench/workers";

/** A pass-through: no choice, no cookie, no storage. */
export const bare: WorkerContender = {
  name: "bare",
  entry: `${workers}/bare.ts`,
  vars: (origins) => ({ ORIGINS: origins }),
  objects: [],
};

/** One Durable Object call on every request. */
export const perRequestObject: WorkerContender = {
  name: "per-request object",
  entry: `${workers}/per-request-object.ts`,
  vars: (origins) => ({ ORIGINS: origins }),
  objects: [{ binding: "SESSION_MAP", className: "SessionMap" }],
};

/** Limpet, configured with these vars beside its origins. */
export function limpet(
  vars: WorkerContender["vars"] = (origins) => ({ ORIGINS: origins }),
  name = "limpet",
): WorkerContender {
  return { name, entry: workerEntry, vars };
}

/** The native proxies that are installed here. */
export const natives: readonly Contender[] = rivals
  .filter(isInstalled)
  .map((rival) => ({ name: rival.name, rival }));

/** And those that are not. */
export const absent = rivals
  .map(({ name }) => name)
  .filter((name) => !natives.some((native) => native.name === name));

/** What runs, whoever it is. */
export type Running = Pick<Router, "url" | "pid" | "stop">;

export function startContender(
  contender: Contender,
  origins: readonly string[],
  inspectorPort?: number,
): Promise<Running> {
  if (contender.rival) return startRival(contender.rival, origins);
  return startRouter({
    entry: contender.entry,
    minify: inspectorPort === undefined,
    vars: contender.vars(origins),
    secrets: { AFFINITY_SECRET: "bench".padEnd(64, "-"), ADMIN_TOKEN: "bench".padEnd(32, "-") },
    ...(contender.objects ? { objects: contender.objects } : {}),
    ...(inspectorPort === undefined ? {} : { inspectorPort }),
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
