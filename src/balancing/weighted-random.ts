import type { Weighted } from "./round-robin.ts";

/** One of the list, each with its weight's share of the chance; `random` in [0, 1). Pure. */
export function weightedRandom<T extends Weighted>(list: readonly T[], random: number): T | null {
  let left = random * list.reduce((sum, { weight }) => sum + weight, 0);
  for (const item of list) {
    left -= item.weight;
    if (left < 0) return item;
  }
  return list.at(-1) ?? null;
}
