import type { HealthSettings, State } from "../model.ts";
import type { OriginChange } from "./control.ts";
import type { OriginRow } from "./statements.ts";

/** How an origin's row changes. Pure: no clock, no storage. */

/** New sessions may still arrive from isolates with an older view for this long. */
const SETTLE_MS = 10_000;

export function isDraining({ state, weight }: OriginRow, configured: State): boolean {
  const set = state ?? configured;
  return set === "draining" || (set === "active" && weight === 0);
}

export function beginDrain(row: OriginRow, now: number, drainMs: number | null): OriginRow {
  return {
    ...row,
    drain_since: now,
    drain_deadline: drainMs === null ? null : now + drainMs,
    drained: 0,
  };
}

export function endDrain(row: OriginRow): OriginRow {
  return { ...row, drain_since: null, drain_deadline: null, drained: 0 };
}

/** What the operator's change makes of it; `configured` is the state that holds without one. */
export function changed(
  row: OriginRow,
  change: OriginChange,
  configured: State,
  now: number,
  defaultDrainMs: number | null,
): OriginRow {
  const state = change.state === undefined ? row.state : change.state;
  const weight = change.weight === undefined ? row.weight : change.weight;
  const next = { ...row, state, weight };
  const drainMs = change.drainMs === undefined ? defaultDrainMs : change.drainMs;
  if (!isDraining(next, configured)) return endDrain(next);
  const isBegun = row.drain_since !== null && change.drainMs === undefined;
  return isBegun ? next : beginDrain(next, now, drainMs);
}

/** Why a drain is over; null while it goes on. `sessions` null: they can't be counted. */
export function drainEnd(row: OriginRow, sessions: number | null, now: number): string | null {
  if (row.drain_since === null) return null;
  if (row.drain_deadline !== null && now >= row.drain_deadline) {
    return sessions === null ? "deadline" : `deadline, ${sessions} sessions left`;
  }
  return sessions === 0 && now - row.drain_since >= SETTLE_MS ? "no sessions left" : null;
}

/** The row after one probe: it flips after `rise` or `fall` contrary results in a row. */
export function flipped(
  row: OriginRow,
  passed: boolean,
  { rise, fall }: HealthSettings,
  now: number,
): OriginRow {
  const isContrary = passed !== (row.probe === "up");
  if (!isContrary) return { ...row, streak: 0 };
  const streak = row.streak + 1;
  if (streak < (passed ? rise : fall)) return { ...row, streak };
  return passed
    ? { ...row, probe: "up", streak: 0, ejected_until: 0, up_since: now }
    : { ...row, probe: "down", streak: 0 };
}

/** It counts as having come back when the ejection ends. */
export function ejected(row: OriginRow, until: number): OriginRow {
  return { ...row, ejected_until: until, up_since: until };
}

/** Whether it is out, by probes or by observation. */
export function isOut({ probe, ejected_until: until }: Readonly<OriginRow>, now: number): boolean {
  return probe === "down" || until > now;
}

/** What a change did to the row's drain; null if nothing. */
export function drainChange(before: OriginRow, after: OriginRow): string | null {
  if (after.drain_since === null) {
    return before.drain_since === null || before.drained === 1 ? null : "drain undone";
  }
  return before.drain_since === null || before.drained === 1 ? "drain begun" : null;
}

/** Tells whether somebody has changed, drained or released the origin meanwhile; nothing else counts. */
export function operatorTag(row: OriginRow | undefined): string {
  const { state = null, weight = null, generation = 1 } = row ?? {};
  const { drain_since: since = null, drain_deadline: deadline = null, drained = 0 } = row ?? {};
  return [state ?? "", weight ?? "", generation, since ?? "", deadline ?? "", drained].join(".");
}

/** What the operator changed, for the event. */
export function describeChange({ state, weight, drainMs }: OriginChange): string {
  const parts: string[] = [];
  if (state !== undefined) parts.push(`state ${state ?? "as configured"}`);
  if (weight !== undefined) parts.push(`weight ${weight ?? "as configured"}`);
  if (drainMs !== undefined) parts.push(`deadline ${drainMs === null ? "none" : `${drainMs} ms`}`);
  return `operator: ${parts.join(", ")}`;
}
