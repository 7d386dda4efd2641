import { readConfig } from "../../../src/config/config.ts";
import type { Config, Problem } from "../../../src/model.ts";

export const SECRET = "a-secret-of-more-than-32-bytes-for-tests";
const namespace = { getByName: () => ({}) };
export const SERVICE = { fetch: () => new Response() };

/** Everything but the pools, as a correct deployment binds it. */
export const BINDINGS = {
  AFFINITY_SECRET: SECRET,
  SESSION_MAP: namespace,
  POOL_STATE: namespace,
};

export const ONE_ORIGIN = ["https://app-1.example.com"];

export function configOf(env: Readonly<Record<string, unknown>>): Config {
  const reading = readConfig({ ...BINDINGS, ...env });
  if (!reading.ok) throw new Error(JSON.stringify(reading.problems, null, 2));
  return reading.config;
}

export function problemsOf(env: Readonly<Record<string, unknown>>): readonly Problem[] {
  const reading = readConfig({ ...BINDINGS, ...env });
  return reading.ok ? [] : reading.problems;
}

/** The problems of a pool that is right but for these settings, at their paths within the pool. */
export function poolProblems(settings: Readonly<Record<string, unknown>>): readonly Problem[] {
  const pool = { name: "shop", origins: [{ url: "https://app-1.example.com" }], ...settings };
  return problemsOf({ POOLS: [pool] }).map((problem) => ({
    ...problem,
    path: problem.path.replace("POOLS[0].", ""),
  }));
}

/** What every setting of a pool is when nobody sets it. */
export const DEFAULT_POOL = {
  match: [],
  balance: "round-robin",
  skip: [],
  clientIp: { kind: "header", header: "cf-connecting-ip" },
  sessions: {
    idleMs: 1_800_000,
    ttlMs: 82_800_000,
    leaseMs: 60_000,
    record: "first",
    store: "durable",
    max: 1_000_000,
    shards: 16,
    shardsBefore: [],
  },
  failover: {
    onLost: "repin",
    refuseStatus: 503,
    retries: 1,
    retryStatus: [502, 503, 504],
    timeoutMs: 30_000,
  },
  health: {
    path: null,
    intervalMs: 30_000,
    timeoutMs: 5_000,
    rise: 2,
    fall: 3,
    expect: [[200, 299]],
    failures: 3,
    windowMs: 10_000,
    ejectMs: 30_000,
    maxEjected: 0.5,
  },
  drainMs: 300_000,
};

export const DEFAULT_COOKIE = {
  name: null,
  path: "/",
  domain: null,
  sameSite: "Lax",
  secure: null,
  partitioned: false,
  lifetime: "session",
};
