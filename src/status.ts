import type { Placed, Placement } from "./affinity/desk.ts";
import { requestIdOf } from "./arrival.ts";
import type { Sent } from "./exchange.ts";
import type { LogSettings } from "./model.ts";
import type { Outcome } from "./outcome.ts";
import type { Trip } from "./trip.ts";

/** What the origin, the client if wanted, and the log are told of the pin (DESIGN.md §7, §8). */

/** For the origin: only when its session is new, or came from elsewhere. */
export function affinityEvent({ outcome, moved, held }: Placed): string | null {
  if (moved !== null) return `moved; from=${moved.from}; reason=${moved.reason}`;
  const isNew = outcome !== "hit" && held.some((one) => one.isNew);
  return isNew ? "new" : null;
}

/** For the client: a structured field (RFC 9651). */
export function affinityStatus(placement: Placement): string {
  const rule = placement.kind === "nobody" ? null : placement.rule;
  const by = rule === null ? "" : `; rule=${rule.by}`;
  const origin = placement.kind === "placed" ? `; origin="${placement.standing.origin.name}"` : "";
  return `limpet; ${outcomeOf(placement)}${by}${origin}`;
}

/** Outcomes that only a sample of is logged: a line for each would cost half the throughput. */
const PLAIN: ReadonlySet<Outcome> = new Set(["hit", "new", "none", "skip"]);

/** One line for this request, if it is of those that leave one; of names and numbers only: no path, no key, no address. */
export function logRequest(log: LogSettings, trip: Trip, sent: Sent, status: number): void {
  const { placement } = sent;
  const outcome = outcomeOf(placement);
  const isPlain = sent.kind === "answered" && PLAIN.has(outcome);
  if (!log.changes || (isPlain && (log.share === 0 || Math.random() >= log.share))) return;
  const placed = placement.kind === "placed" ? placement : null;
  const line = {
    message: "request",
    request_id: requestIdOf(trip.arrival.headers),
    pool: trip.parts.pool.name,
    rule: placement.kind === "nobody" ? null : (placement.rule?.id ?? null),
    outcome,
    origin: placed?.standing.origin.name ?? null,
    ...(placed?.moved ? { from: placed.moved.from, reason: placed.moved.reason } : {}),
    ...(sent.kind === "failed" ? { failure: sent.failure.code } : { attempts: sent.attempts }),
    status,
    ms: Date.now() - trip.arrival.now,
  };
  console.log(JSON.stringify(line));
}

function outcomeOf(placement: Placement): Outcome {
  switch (placement.kind) {
    case "placed":
      return placement.outcome;
    case "refused":
      return "refused";
    case "nobody":
      return "none";
  }
}
