import type { Plan } from "./control.ts";
import type { OriginRow } from "./statements.ts";

/** When the control object has something to do next. Pure. */

export const DRAIN_TICK_MS = 2_000;
export const REBALANCE_MS = 60_000;

/** What was done when, and whether anybody is interested. Times in ms since the epoch. */
interface Past {
  readonly isAsked: boolean;
  readonly probedAt: number;
  readonly rebalancedAt: number;
}

/** Whether something is due again. A clock that was set back makes everything due, lest it rest until then. */
export function isDue(now: number, last: number, everyMs: number): boolean {
  return now < last || now - last >= everyMs;
}

/** The next probe, look at a drain, or move; null when there is nothing to do until somebody asks. */
export function nextAlarm(
  { health, rebalance, shards }: Plan,
  draining: readonly OriginRow[],
  now: number,
  { isAsked, probedAt, rebalancedAt }: Past,
): number | null {
  const times: number[] = [];
  if (health.path !== null && isAsked) {
    times.push(nextAfter(probedAt, health.intervalMs, now));
  }
  if (rebalance !== null && shards > 0 && isAsked) {
    times.push(nextAfter(rebalancedAt, REBALANCE_MS, now));
  }
  for (const { drain_deadline: deadline } of draining) {
    times.push(Math.max(now, Math.min(now + DRAIN_TICK_MS, deadline ?? Infinity)));
  }
  return times.length === 0 ? null : Math.min(...times);
}

function nextAfter(last: number, everyMs: number, now: number): number {
  return isDue(now, last, everyMs) ? now : last + everyMs;
}
