import type { Placed } from "./affinity/desk.ts";

/** What the origin, and if wanted the client, are told of the pin (DESIGN.md §7, §8). */

/** For the origin: only when its session is new, or came from elsewhere. */
export function affinityEvent({ outcome, moved, held }: Placed): string | null {
  if (moved !== null) return `moved; from=${moved.from}; reason=${moved.reason}`;
  const isNew = outcome !== "hit" && held.some((one) => one.isNew);
  return isNew ? "new" : null;
}

/** For the client: a structured field (RFC 9651). */
export function affinityStatus({ outcome, rule, standing }: Placed): string {
  const by = rule === null ? "" : `; rule=${rule.by}`;
  return `limpet; ${outcome}${by}; origin="${standing.origin.name}"`;
}
