import type { Minute } from "../../pools/control.ts";
import type { OriginView } from "../schemas.ts";

/** What the dashboard works out of counts. Pure: no I/O, no clock. */

/** The span that error rates are of. */
export const MINUTES = 5;

/**
 * How many of the pool's sessions each origin would have if they lay as the weights say: among those that
 * take new ones, which are the active ones of the lowest tier that has any.
 */
export function fairShares(origins: readonly OriginView[]): ReadonlyMap<string, number> {
  const able = origins.filter(
    ({ state, health, weight }) => state === "active" && health === "up" && weight > 0,
  );
  const tier = Math.min(...able.map((origin) => origin.tier));
  const takers = able.filter((origin) => origin.tier === tier);
  const weights = takers.reduce((sum, { weight }) => sum + weight, 0);
  const sessions = origins.reduce((sum, origin) => sum + origin.sessions, 0);
  return new Map(takers.map(({ name, weight }) => [name, (sessions * weight) / weights]));
}

export interface Traffic {
  readonly requests: number;
  readonly errors: number;
}

/** What went to each origin within the last minutes; an origin without traffic is absent. */
export function trafficOf(
  history: readonly Minute[],
  now: number,
  minutes: number,
): ReadonlyMap<string, Traffic> {
  const sums = new Map<string, Traffic>();
  const since = Math.floor(now / 60_000) * 60_000 - (minutes - 1) * 60_000;
  for (const { at, origins } of history) {
    if (at < since) continue;
    for (const [name, { requests, errors }] of Object.entries(origins)) {
      const sum = sums.get(name) ?? { requests: 0, errors: 0 };
      sums.set(name, { requests: sum.requests + requests, errors: sum.errors + errors });
    }
  }
  return sums;
}

/** How much of a drain's time has passed, 0 to 1; null when it has no end of its own. */
export function drainShare(
  { since, deadline }: { readonly since: string; readonly deadline: string | null },
  now: number,
): number | null {
  if (deadline === null) return null;
  const begin = Date.parse(since);
  const whole = Date.parse(deadline) - begin;
  return whole <= 0 ? 1 : Math.min(1, Math.max(0, (now - begin) / whole));
}
