import { arrive, type Arrival } from "../../src/shared/arrival.ts";
import { checkPools } from "../../src/config/config.ts";
import type { Pool, Problem } from "../../src/model.ts";

/** A pool as POOLS would make it, named "default" and with three origins unless said otherwise. */
export function makePool(settings: Readonly<Record<string, unknown>> = {}): Pool {
  const problems: Problem[] = [];
  const entry = { name: "default", origins: originsNamed("app-1", "app-2", "app-3"), ...settings };
  const [pool] = checkPools([entry], () => null, problems);
  if (pool === undefined || problems.length > 0) throw new Error(JSON.stringify(problems));
  return pool;
}

export function originsNamed(...names: string[]) {
  return names.map((name) => ({ name, url: `https://${name}.example.com` }));
}

export function arrivalOf(url: string, headers: HeadersInit = {}, method = "GET"): Arrival {
  return arrive(new Request(url, { method, headers }), 0);
}

/** Keys that look like session ids and are the same in every run. */
export function keysNumbered(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `session-${at}`);
}

export function tally(words: Iterable<string>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
