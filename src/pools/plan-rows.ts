import { ejectionCap } from "../shared/ejection-cap.ts";
import type { Plan, PlannedOrigin } from "./control.ts";
import { beginDrain, endDrain, isDraining, isOut } from "./origin-row.ts";
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

/** A row that a new plan has changed, and what that is called. */
export interface Adopted {
  readonly row: OriginRow;
  readonly kind: string;
  readonly cause: string;
}

/** What a new plan makes of an origin's row, step by step; empty if nothing. */
export function adoptedRow(
  { health, drainMs }: Plan,
  { state }: PlannedOrigin,
  row: OriginRow,
  now: number,
): Adopted[] {
  const steps: Adopted[] = [];
  let next = row;
  if (health.path === null && row.probe === "down") {
    next = { ...row, probe: "up", streak: 0, up_since: now };
    steps.push({ row: next, kind: "up", cause: "checks are off" });
  }
  const drains = isDraining(next, state);
  if (drains && next.drain_since === null) {
    next = beginDrain(next, now, drainMs);
    steps.push({ row: next, kind: "drain begun", cause: "configuration" });
  } else if (!drains && next.drain_since !== null) {
    steps.push({ row: endDrain(next), kind: "drain undone", cause: "configuration" });
  }
  return steps;
}

/** How the keys differ, by their ids; null if they don't, or if the plan before told none. */
export function rotationOf(before: Plan, after: Plan): string | null {
  // A plan from before plans had keys.
  const old = (before as Partial<Plan>).keys ?? [];
  const isSame = old.length === after.keys.length && old.every((id, at) => id === after.keys[at]);
  if (isSame || old.length === 0) return null;
  return `keys ${hex(old)} before, ${hex(after.keys)} now`;
}

function hex(ids: readonly number[]): string {
  return ids.map((id) => id.toString(16).padStart(2, "0")).join(",");
}

/** What a new plan changes beside its keys; null if nothing that can be named. */
export function describePlans(before: Plan, after: Plan): string | null {
  const names = ({ origins }: Plan) => origins.map(({ name }) => name);
  const added = names(after).filter((name) => !names(before).includes(name));
  const removed = names(before).filter((name) => !names(after).includes(name));
  if (added.length > 0 || removed.length > 0) {
    const signed = [...added.map((name) => `+${name}`), ...removed.map((name) => `-${name}`)];
    const more = signed.length - NAMED_MOST;
    return `origins ${signed.slice(0, NAMED_MOST).join(" ")}${more > 0 ? ` and ${more} more` : ""}`;
  }
  const rest = (plan: Plan) => JSON.stringify({ ...plan, keys: null, digest: null });
  return rest(before) === rest(after) ? null : "settings";
}

const NAMED_MOST = 10;
