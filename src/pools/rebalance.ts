import type { Plan } from "./control.ts";
import type { OriginRow } from "./statements.ts";

/** Who gives how many idle sessions to whom. Pure. */

export interface Transfer {
  readonly from: string;
  readonly to: string;
  readonly generation: number;
  readonly sessions: number;
}

/** A pool whose counts are all within this share of their targets is left alone. */
const TOLERANCE = 0.1;

/**
 * What one minute of rebalancing moves, while any origin is more than 10 % off what its weight calls
 * for: from those with the most too many to those with the most too few, never more than the
 * configured share of all sessions.
 */
export function transfersFor(
  { origins, rebalance }: Plan,
  rows: readonly OriginRow[],
  counts: ReadonlyMap<string, number>,
  now: number,
): Transfer[] {
  const byName = new Map(rows.map((row) => [row.name, row]));
  const open = origins
    .map(({ name, state, weight }) => {
      const row = byName.get(name);
      const isOpen =
        (row?.state ?? state) === "active" &&
        row?.probe !== "down" &&
        (row?.ejected_until ?? 0) <= now;
      const share = isOpen ? (row?.weight ?? weight) : 0;
      return {
        name,
        weight: share,
        count: counts.get(name) ?? 0,
        generation: row?.generation ?? 1,
      };
    })
    .filter(({ weight }) => weight > 0);
  const total = open.reduce((sum, { count }) => sum + count, 0);
  const weights = open.reduce((sum, { weight }) => sum + weight, 0);
  if (rebalance === null || open.length < 2 || total === 0) return [];
  const targetOf = ({ weight }: { weight: number }) => (total * weight) / weights;
  const isEven = open.every(
    (one) => Math.abs(one.count - targetOf(one)) <= targetOf(one) * TOLERANCE,
  );
  if (isEven) return [];
  const givers = open
    .map((one) => ({ name: one.name, left: Math.floor(one.count - targetOf(one)) }))
    .filter(({ left }) => left > 0)
    .sort((one, other) => other.left - one.left);
  const takers = open
    .map((one) => ({ ...one, left: Math.floor(targetOf(one) - one.count) }))
    .filter(({ left }) => left > 0)
    .sort((one, other) => other.left - one.left);
  let budget = Math.max(1, Math.floor(total * rebalance.sharePerMinute));
  const transfers: Transfer[] = [];
  for (const giver of givers) {
    for (const taker of takers) {
      const sessions = Math.min(giver.left, taker.left, budget);
      if (sessions <= 0) continue;
      transfers.push({ from: giver.name, to: taker.name, generation: taker.generation, sessions });
      giver.left -= sessions;
      taker.left -= sessions;
      budget -= sessions;
    }
  }
  return transfers;
}
