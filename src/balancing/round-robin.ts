/** Smooth weighted round robin, as nginx does it. State is a value of its own, one per isolate. */

export interface Weighted {
  readonly weight: number;
}

export interface RoundRobin<T extends Weighted> {
  /** The next one of these; null if there is none. The list may change between calls. */
  next(list: readonly T[]): T | null;
  /** One that goes on from here by itself. */
  fork(): RoundRobin<T>;
}

interface Past {
  readonly credit: ReadonlyMap<string, number>;
  /** How many picks were passed over at the start; -1 before the first. */
  readonly skip: number;
}

/**
 * Over any run of as many picks as the weights add up to, each is picked exactly its weight's
 * number of times, and as far apart as can be. `random` in [0, 1) sets where it starts, so that
 * many isolates do not all begin with the same origin.
 */
export function roundRobin<T extends Weighted>(
  nameOf: (item: T) => string,
  random: number,
  before: Past = { credit: new Map(), skip: -1 },
): RoundRobin<T> {
  const credit = new Map(before.credit);
  let { skip } = before;

  function step(list: readonly T[]): T | null {
    let total = 0;
    let best: T | null = null;
    let bestCredit = -Infinity;
    for (const item of list) {
      if (item.weight <= 0) continue;
      const name = nameOf(item);
      const mine = (credit.get(name) ?? 0) + item.weight;
      credit.set(name, mine);
      total += item.weight;
      if (mine > bestCredit) {
        best = item;
        bestCredit = mine;
      }
    }
    if (best !== null) credit.set(nameOf(best), bestCredit - total);
    return best;
  }

  return {
    next(list) {
      if (skip === -1) {
        const total = list.reduce((sum, { weight }) => sum + weight, 0);
        skip = Math.floor(random * Math.min(total, 1_000));
        for (let at = 0; at < skip; at += 1) step(list);
      }
      return step(list);
    },
    fork: () => roundRobin(nameOf, random, { credit, skip }),
  };
}
