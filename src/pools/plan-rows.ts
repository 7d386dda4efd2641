import { ejectionCap } from "../ejection-cap.ts";
import type { Plan } from "./control.ts";
import { isOut } from "./origin-row.ts";
import type { OriginRow } from "./statements.ts";

/** What a plan makes of the rows of its pool. Pure. */

export function capOf({ origins, health }: Plan): number {
  return ejectionCap(origins.length, health.maxEjected);
}

/** Rows of origins that are configured; others are kept for when they come back. */
export function rowsOf(plan: Plan | null, rows: readonly OriginRow[]): readonly OriginRow[] {
  if (plan === null) return rows;
  const names = new Set(plan.origins.map(({ name }) => name));
  return rows.filter(({ name }) => names.has(name));
}

/** How many of the pool's origins are out, by probes or by observation. */
export function outOf(plan: Plan, rows: readonly OriginRow[], now: number): number {
  return rowsOf(plan, rows).filter((row) => isOut(row, now)).length;
}
