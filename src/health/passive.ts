import type { HealthSettings } from "../model.ts";

/** Ejection by observation, in one isolate. Pure: the clock comes in. */

/** What one attempt says about an origin. */
export type Observation = "good" | "bad";

export interface Passive {
  /** Records one attempt; returns for how long the origin has just been ejected, or null. */
  observe(origin: string, seen: Observation, now: number): number | null;
  readonly ejections: ReadonlyMap<string, number>;
  readonly changes: number;
  /** No origin is in any trouble: good news need not be recorded. */
  readonly isQuiet: boolean;
}

/** An ejection grows with every repetition, up to this many times the first. */
const GROWTH_MOST = 10;
/** After this many ejection times without trouble the growth is forgotten. */
const FORGIVEN_AFTER = 10;

interface Trouble {
  failures: number;
  since: number;
  ejections: number;
  until: number;
}

/** `others` says how many origins of the pool are out already, by whatever means. */
export function makePassive(
  settings: HealthSettings,
  total: number,
  others: (now: number) => number,
): Passive {
  const troubles = new Map<string, Trouble>();
  const ejections = new Map<string, number>();
  const most =
    total < 2 || settings.maxEjected === 0
      ? 0
      : Math.max(1, Math.floor(total * settings.maxEjected));
  let changes = 0;

  const isForgiven = ({ ejections: times, until }: Trouble, now: number) =>
    times === 0 || now - until > settings.ejectMs * FORGIVEN_AFTER;

  function eject(origin: string, trouble: Trouble, now: number): number | null {
    trouble.failures = 0;
    if (others(now) >= most) return null;
    trouble.ejections = isForgiven(trouble, now) ? 1 : Math.min(trouble.ejections + 1, GROWTH_MOST);
    const forMs = settings.ejectMs * trouble.ejections;
    trouble.until = now + forMs;
    ejections.set(origin, trouble.until);
    changes += 1;
    return forMs;
  }

  return {
    ejections,
    get changes() {
      return changes;
    },
    get isQuiet() {
      return troubles.size === 0;
    },
    observe(origin, seen, now) {
      const known = troubles.get(origin);
      if (seen === "good") {
        if (known !== undefined) known.failures = 0;
        if (known !== undefined && isForgiven(known, now)) troubles.delete(origin);
        return null;
      }
      const trouble = known ?? { failures: 0, since: now, ejections: 0, until: 0 };
      troubles.set(origin, trouble);
      if (now < trouble.until) return null;
      if (trouble.failures === 0 || now - trouble.since > settings.windowMs) {
        trouble.failures = 0;
        trouble.since = now;
      }
      trouble.failures += 1;
      return trouble.failures < settings.failures ? null : eject(origin, trouble, now);
    },
  };
}
