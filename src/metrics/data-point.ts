import type { DataPoint } from "../model.ts";
import type { Outcome } from "../outcome.ts";

/** One request, as a row of names and numbers: never a key, a path or an address. */
export interface Observed {
  /** "" if no pool took it. */
  readonly pool: string;
  readonly outcome: Outcome;
  readonly origin: string | null;
  readonly rule: string | null;
  /** Why the session moved, or the code of the failure. */
  readonly reason: string | null;
  readonly status: number;
  readonly ms: number;
  readonly attempts: number;
}

/** The layout that docs/metrics.md describes; the order of blobs and doubles must not change. */
export function dataPoint(of: Observed): DataPoint {
  const { pool, outcome, origin, rule, reason, status, ms, attempts } = of;
  const family = `${Math.trunc(status / 100)}xx`;
  return {
    indexes: [pool],
    blobs: [outcome, origin ?? "", rule ?? "", reason ?? "", family],
    doubles: [ms, attempts],
  };
}
