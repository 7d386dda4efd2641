import type { Placed, Placement } from "../affinity/desk.ts";
import type { Outcome } from "../outcome.ts";

/** What the origin and the client, if wanted, are told of the pin. */

/** For the origin: only when its session is new, or came from elsewhere. */
export function affinityEvent({ outcome, moved, held }: Placed): string | null {
  if (moved !== null) return `moved; from=${moved.from}; reason=${moved.reason}`;
  // Nobody knows whether a key is new that a failing map was asked for.
  const isNew =
    outcome !== "hit" && held.some((one) => one.isNew && (outcome !== "degraded" || !one.key));
  return isNew ? "new" : null;
}

/** For the client: a structured field (RFC 9651). */
export function affinityStatus(placement: Placement): string {
  const rule = placement.kind === "nobody" ? null : placement.rule;
  const by = rule === null ? "" : `; rule=${rule.by}`;
  const origin = placement.kind === "placed" ? `; origin="${placement.standing.origin.name}"` : "";
  return `limpet; ${outcomeOf(placement)}${by}${origin}`;
}

export function outcomeOf(placement: Placement): Outcome {
  switch (placement.kind) {
    case "placed":
      return placement.outcome;
    case "refused":
      return "refused";
    case "nobody":
      return "none";
  }
}
