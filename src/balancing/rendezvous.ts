/** Weighted rendezvous hashing: the same answer everywhere, whatever the order. Pure. */

/**
 * A well-mixed 53-bit hash of a string (cyrb53, public domain), as a number in (0, 1). Not keyed on
 * purpose: pins made by hash must survive a rotation of the secret.
 */
export function uniform(text: string): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return (4294967296 * (2097151 & low) + (high >>> 0) + 0.5) / 2 ** 53;
}

/**
 * The item with the highest score −weight / ln(u(item, key)): each wins a share of the keys equal to
 * its share of the weights, and losing one moves only its own keys (Schindelhauer and Schomaker 2005).
 */
export function rendezvous<T>(
  list: readonly T[],
  key: string,
  nameOf: (item: T) => string,
  weightOf: (item: T) => number,
): T | null {
  let best: T | null = null;
  let bestScore = -1;
  for (const item of list) {
    const score = -weightOf(item) / Math.log(uniform(`${nameOf(item)}\0${key}`));
    if (score > bestScore) {
      best = item;
      bestScore = score;
    }
  }
  return best;
}

/** No origin of a bounded hash gets more than this times its fair share of sessions. */
const BOUND = 1.25;

/** The items whose load is within the bound; all, if none is (arXiv:1608.01350). */
export function withinBounds<T extends { readonly weight: number }>(
  list: readonly T[],
  loadOf: (item: T) => number,
): readonly T[] {
  const total = list.reduce((sum, item) => sum + loadOf(item), 0) + 1;
  const weights = list.reduce((sum, { weight }) => sum + weight, 0);
  const open = list.filter(
    (item) => loadOf(item) < Math.ceil((BOUND * total * item.weight) / weights),
  );
  return open.length > 0 ? open : list;
}
