import { weightedRandom } from "./weighted-random.ts";
import type { Weighted } from "./round-robin.ts";

/**
 * Of two origins drawn by weight, the one with fewer sessions for its weight. Two choices keep the
 * load nearly as even as looking at all, and do not herd when counts are a few seconds old
 * (Mitzenmacher 2001).
 */
export function lessLoaded<T extends Weighted>(
  list: readonly T[],
  loadOf: (item: T) => number,
  random: () => number,
): T | null {
  const first = weightedRandom(list, random());
  const second = weightedRandom(
    list.filter((item) => item !== first),
    random(),
  );
  if (first === null || second === null) return first;
  const share = (item: T) => (loadOf(item) + 1) / Math.max(item.weight, Number.EPSILON);
  return share(second) < share(first) ? second : first;
}
