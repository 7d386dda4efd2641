import { cookiesForOrigin, unwrapHeaders } from "../affinity/carriers.ts";
import type { Placed, Placement } from "../affinity/desk.ts";
import type { PoolParts } from "../assembly/assemble.ts";
import type { Origin, Snapshot } from "../model.ts";
import type { Failure } from "../outcome.ts";
import { withoutOrigin } from "../pools/usable.ts";
import { discard, forward, type Attempt } from "../proxy/forward.ts";
import { requestHeaders } from "../proxy/headers.ts";
import { payloadOf } from "../proxy/payload.ts";
import { BUDGET_TIMEOUTS, isGood, isRepeatable } from "../proxy/retry.ts";
import { affinityEvent } from "./status.ts";
import { place, type Trip } from "./trip.ts";

const NO_ORIGIN_RETRY_SECONDS = 5;
/** The client announced a body and did not send it, or sent what is none. */
const BROKEN: Failure = { code: "bad_request", status: 400 };

export type Sent =
  | {
      readonly kind: "answered";
      /** Where the session is now, which is not always who answered. */
      readonly placement: Placed;
      readonly origin: Origin;
      readonly response: Response;
      /** Whether pins may follow this answer: not if it only shows that everything has failed. */
      readonly pins: boolean;
      readonly attempts: number;
    }
  | {
      readonly kind: "failed";
      readonly placement: Placement;
      readonly failure: Failure;
      readonly attempts: number;
    };

/**
 * Sends the request to its origin, and on to others while that may help: settling again, with what has
 * failed left out, is all there is to failover. If nothing helps, the last real answer counts.
 */
export async function send(trip: Trip, snapshot: Snapshot, first: Placement): Promise<Sent> {
  const { arrival, parts } = trip;
  const { failover } = parts.pool;
  const mayRepeat = failover.retries > 0 && isRepeatable(arrival);
  const reading = payloadOf(arrival, mayRepeat);
  const payload = reading instanceof Promise ? await reading : reading;
  if (payload === null) {
    return { kind: "failed", placement: first, failure: BROKEN, attempts: 0 };
  }
  const attemptsMost = mayRepeat && payload.isReplayable ? 1 + failover.retries : 1;
  const waiting = { slow: parts.slow, background: trip.background };
  let usable = snapshot;
  let placement = first;
  let last: Sent | null = null;

  for (let attempts = 1; placement.kind === "placed"; attempts += 1) {
    const { origin } = placement.standing;
    const headers = headersFor(trip, placement);
    const attempt = await forward(arrival, origin, headers, payload, failover.timeoutMs, waiting);
    if (attempt.kind === "client_gone") {
      return { kind: "failed", placement, failure: BROKEN, attempts };
    }
    if (!payload.isBlameless) parts.health.observe(origin.name, attempt, trip.background);
    if (isGood(attempt, failover)) {
      if (last?.kind === "answered") discard(last.response);
      return {
        kind: "answered",
        placement,
        origin,
        response: attempt.response,
        pins: true,
        attempts,
      };
    }
    last = lastOf(last, first, placement, attempt, attempts, parts);
    const isLate = Date.now() - arrival.now >= BUDGET_TIMEOUTS * failover.timeoutMs;
    if (attempts >= attemptsMost || isLate) return last;
    usable = withoutOrigin(usable, origin.name);
    placement = await place(trip, usable);
  }
  if (last?.kind === "answered" || (last !== null && placement.kind === "nobody")) return last;
  const attempts = last?.attempts ?? 0;
  return { kind: "failed", placement, failure: failureOf(placement, parts), attempts };
}

/** The last real answer is worth more than any failure of ours. */
function lastOf(
  before: Sent | null,
  first: Placement,
  placement: Placed,
  attempt: Attempt,
  attempts: number,
  { pool }: PoolParts,
): Sent {
  if (attempt.kind === "answered") {
    if (before?.kind === "answered") discard(before.response);
    // Nothing has moved: the session is where it was.
    const stays = first.kind === "placed" ? first : placement;
    const { origin } = placement.standing;
    const pins = placement === first;
    return {
      kind: "answered",
      placement: stays,
      origin,
      response: attempt.response,
      pins,
      attempts,
    };
  }
  if (before?.kind === "answered") return { ...before, attempts };
  const { onLost, refuseStatus } = pool.failover;
  if (attempt.kind === "timeout") {
    return { kind: "failed", placement: first, failure: { code: "origin_timeout" }, attempts };
  }
  const isRefused = onLost === "refuse" && placement.outcome === "hit";
  return {
    kind: "failed",
    placement: first,
    failure: isRefused
      ? { code: "session_lost", status: refuseStatus }
      : { code: "origin_unreachable" },
    attempts,
  };
}

function failureOf(placement: Placement, { pool }: PoolParts): Failure {
  return placement.kind === "refused"
    ? { code: "session_lost", status: pool.failover.refuseStatus }
    : { code: "no_origin", retryAfterSeconds: NO_ORIGIN_RETRY_SECONDS };
}

/** What the origin gets to see. */
function headersFor(trip: Trip, placement: Placed): Headers {
  const { arrival, clientIp, hops, parts } = trip;
  const cookies = cookiesForOrigin(arrival.cookies, parts.unwrapping);
  const isBinding = placement.standing.origin.fetcher !== null;
  const headers = requestHeaders(arrival, clientIp, cookies, hops, isBinding);
  unwrapHeaders(headers, parts.unwrapping);
  const event = affinityEvent(placement);
  if (event !== null) headers.set("Affinity-Event", event);
  return headers;
}
