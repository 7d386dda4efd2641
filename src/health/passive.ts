import { ejectionCap } from "../shared/ejection-cap.ts";
import type { HealthSettings } from "../model.ts";

/** Ejection by observation, in one isolate. Pure: the clock comes in. */

/** What one attempt says about an origin. */
export type Observation = "good" | "bad";

export interface Passive {
  /** Records one attempt; returns for how long the origin has just been ejected, or null. */
  observe(origin: string, seen: Observation, now: number): number | null;
  /** Takes an ejection back: the pool has too many origins out already. */
  pardon(origin: string): void;
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
  /** When the last failures in a row were, oldest first; as many as it takes to be ejected. */
  failures: number[];
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
  const most = ejectionCap(total, settings.maxEjected);
  let changes = 0;

  const isForgiven = ({ ejections: times, until }: Trouble, now: number) =>
    times === 0 || now - until > settings.ejectMs * FORGIVEN_AFTER;

  function eject(origin: string, trouble: Trouble, now: number): number | null {
    trouble.failures = [];
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
        if (known !== undefined) known.failures = [];
        if (known !== undefined && isForgiven(known, now)) troubles.delete(origin);
        return null;
      }
      const trouble = known ?? { failures: [], ejections: 0, until: 0 };
      troubles.set(origin, trouble);
      if (now < trouble.until) return null;
      trouble.failures = [...trouble.failures, now].slice(-settings.failures);
      const first = trouble.failures[0] ?? now;
      const isMany = trouble.failures.length === settings.failures;
      return isMany && now - first <= settings.windowMs ? eject(origin, trouble, now) : null;
    },
    pardon(origin) {
      const trouble = troubles.get(origin);
      if (trouble === undefined) return;
      trouble.until = 0;
      ejections.delete(origin);
      changes += 1;
    },
  };
}
