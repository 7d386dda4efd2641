import type { MoveReason, Outcome } from "../outcome.ts";

/** What isolates count of their requests, on its way to the pool's control object. Plain values only. */

/** One counter. `within`: answers no slower than so many ms, and slower than the bound before. */
export type Counter =
  | `outcome ${Outcome}`
  | `class ${1 | 2 | 3 | 4 | 5}xx`
  | `failure ${string}`
  | `refused ${string}`
  | `move ${MoveReason}`
  | `within ${number | "+Inf"}`
  | `call ${string}`
  | `call-failed ${string}`
  | "ms"
  | "retries";

/** Sums that only grow. */
export type Sums = Partial<Record<Counter, number>>;

/** What one isolate has counted since its last report. */
export interface Counts {
  readonly isolate: string;
  /** By origin; under "" what is no origin's. */
  readonly sums: ReadonlyMap<string, Readonly<Sums>>;
}

/** Where a report comes from, and goes back to if it could not be delivered. */
export interface CountSource {
  /** Null when there is nothing to report. */
  take(): Counts | null;
  giveBack(counts: Counts): void;
}

export function entriesOf(sums: Readonly<Sums>): [Counter, number][] {
  return Object.entries(sums) as [Counter, number][];
}

/** Adds the second to the first. */
export function addSums(to: Sums, sums: Readonly<Sums>): void {
  for (const [counter, n] of entriesOf(sums)) to[counter] = (to[counter] ?? 0) + n;
}
