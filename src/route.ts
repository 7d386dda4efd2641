import { cookiesForOrigin, unwrapHeaders } from "./affinity/carriers.ts";
import { commit } from "./affinity/commit.ts";
import type { Placed, Placement } from "./affinity/desk.ts";
import { learn, NOTHING_LEARNED } from "./affinity/learn.ts";
import { settle } from "./affinity/settle.ts";
import type { Sighting } from "./affinity/sighting.ts";
import { arrive, type Arrival } from "./arrival.ts";
import type { PoolParts, Router } from "./assemble.ts";
import { chooser } from "./balancing/chooser.ts";
import type { Background, Snapshot } from "./model.ts";
import type { Failure } from "./outcome.ts";
import { poolFor } from "./pools/match.ts";
import { withoutOrigin } from "./pools/usable.ts";
import { forward, type Attempt } from "./proxy/forward.ts";
import { hopsOf, requestHeaders } from "./proxy/headers.ts";
import { isPassing, refusalOf } from "./proxy/passing.ts";
import { respond } from "./proxy/respond.ts";
import { BUDGET_TIMEOUTS, isGood, isRepeatable, payloadOf } from "./proxy/retry.ts";
import { affinityEvent, affinityStatus } from "./status.ts";

const NO_ORIGIN_RETRY_SECONDS = 5;

/** One request on its way through one pool. */
interface Trip {
  readonly parts: PoolParts;
  readonly arrival: Arrival;
  readonly clientIp: string | null;
  readonly hops: number;
  readonly sightings: readonly Sighting[];
  readonly background: Background;
}

/**
 * The story of a request (DESIGN.md §4): which pool, which session, which origin; send it there; hand
 * the answer back, with a cookie only when the pin has changed.
 */
export async function route(
  router: Router,
  request: Request,
  background: Background,
): Promise<Response | Failure> {
  const arrival = arrive(request, Date.now());
  const hops = hopsOf(arrival.headers);
  const refusal = refusalOf(arrival, hops);
  if (refusal !== null) return refusal;

  const parts = poolFor(router.pools, arrival.host, arrival.path);
  if (parts === null) return { code: "no_pool" };

  const clientIp = parts.clientIp(arrival);
  const sightings = await Promise.all(parts.readers.map((read) => read(arrival, clientIp)));
  const trip: Trip = { parts, arrival, clientIp, hops, sightings, background };
  const snapshot = await parts.viewer.current(arrival.now, background);

  const placement = await place(trip, snapshot);
  const sent = await send(trip, snapshot, placement);
  return sent.kind === "failed" ? sent.failure : answer(router, trip, sent);
}

/** What the client gets: the origin's answer, and our cookie if the pin has changed. */
async function answer(
  router: Router,
  trip: Trip,
  sent: Extract<Sent, { kind: "answered" }>,
): Promise<Response> {
  const { parts, arrival, sightings, background } = trip;
  const { response, placement } = sent;
  const { desk, carriers } = parts;
  // No pin moves to an origin whose answer only shows that everything has failed.
  const learned =
    sent.pins && parts.learns
      ? await learn(desk, carriers, arrival, sightings, placement, response.headers, background)
      : NOTHING_LEARNED;
  const setCookies =
    placement.held.length > 0 && sent.pins
      ? await commit(desk, carriers, placement, arrival, background)
      : [];
  const status = router.config.exposeStatus ? affinityStatus(placement) : null;
  return respond(response, arrival, placement.standing.origin, {
    setCookies: [...setCookies, ...learned.setCookies],
    instead: learned.instead,
    status,
  });
}

/** Which origin serves, and where its pin is kept. */
function place(trip: Trip, snapshot: Snapshot): Promise<Placement> {
  const { parts, arrival, clientIp, sightings, background } = trip;
  const mayMake = !isPassing(arrival) && !parts.isSkipped(arrival.path);
  const choose = chooser(parts, snapshot, arrival, clientIp);
  const { now } = arrival;
  return settle(parts.desk, { sightings, snapshot, now, mayMake, background, choose });
}

type Sent =
  | {
      readonly kind: "answered";
      readonly placement: Placed;
      readonly response: Response;
      readonly pins: boolean;
    }
  | { readonly kind: "failed"; readonly failure: Failure };

/**
 * Sends the request to its origin, and on to others while that may help: settling again, with what has
 * failed left out, is all there is to failover. If nothing helps, the last real answer counts.
 */
async function send(trip: Trip, snapshot: Snapshot, first: Placement): Promise<Sent> {
  const { arrival, parts } = trip;
  const { failover } = parts.pool;
  const mayRepeat = failover.retries > 0 && isRepeatable(arrival);
  const payload = await payloadOf(arrival, mayRepeat);
  const attemptsMost = mayRepeat && payload.isReplayable ? 1 + failover.retries : 1;
  let usable = snapshot;
  let placement = first;
  let last: Sent | null = null;

  for (let attempts = 1; placement.kind === "placed"; attempts += 1) {
    const { origin } = placement.standing;
    const headers = headersFor(trip, placement);
    const attempt = await forward(arrival, origin, headers, payload.next(), failover.timeoutMs);
    parts.health.observe(origin.name, attempt, trip.background);
    if (isGood(attempt, failover)) {
      return { kind: "answered", placement, response: attempt.response, pins: true };
    }
    last = lastOf(last, placement, attempt, placement === first, parts);
    const isLate = Date.now() - arrival.now >= BUDGET_TIMEOUTS * failover.timeoutMs;
    if (attempts >= attemptsMost || isLate) return last;
    usable = withoutOrigin(usable, origin.name);
    placement = await place(trip, usable);
  }
  if (last?.kind === "answered" || (last !== null && placement.kind === "nobody")) return last;
  return { kind: "failed", failure: failureOf(placement, parts) };
}

/** The last real answer is worth more than any failure of ours. */
function lastOf(
  before: Sent | null,
  placement: Placed,
  attempt: Attempt,
  pins: boolean,
  { pool }: PoolParts,
): Sent {
  if (attempt.kind === "answered") {
    if (before?.kind === "answered") void before.response.body?.cancel();
    return { kind: "answered", placement, response: attempt.response, pins };
  }
  if (before?.kind === "answered") return before;
  const { onLost, refuseStatus } = pool.failover;
  if (attempt.kind === "timeout") return { kind: "failed", failure: { code: "origin_timeout" } };
  const isRefused = onLost === "refuse" && placement.outcome === "hit";
  return {
    kind: "failed",
    failure: isRefused
      ? { code: "session_lost", status: refuseStatus }
      : { code: "origin_unreachable" },
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
  const headers = requestHeaders(arrival, clientIp, cookies, hops);
  unwrapHeaders(headers, parts.unwrapping);
  const event = affinityEvent(placement);
  if (event !== null) headers.set("Affinity-Event", event);
  return headers;
}
