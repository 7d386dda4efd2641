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
