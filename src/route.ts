import { commit } from "./affinity/commit.ts";
import { identify } from "./affinity/identify.ts";
import { learn, NOTHING_LEARNED, type Learned } from "./affinity/learn.ts";
import { arrive, requestIdOf } from "./shared/arrival.ts";
import type { Router } from "./assembly/assemble.ts";
import { send, type Sent } from "./route/exchange.ts";
import type { Background } from "./model.ts";
import { observe, observeRefusal } from "./route/observe.ts";
import { failureResponse, type Failure } from "./outcome.ts";
import { poolFor } from "./pools/match.ts";
import { hopsOf } from "./proxy/headers.ts";
import { refusalOf } from "./proxy/passing.ts";
import { NO_CHANGES, respond, withStatus } from "./proxy/respond.ts";
import { affinityStatus } from "./route/status.ts";
import { place, tripOf, type Trip } from "./route/trip.ts";

/**
 * The story of a request: which pool, which session, which origin; send it there; hand
 * the answer back, with a cookie only when the pin has changed. Null if no pool takes the request.
 *
 * For a pinned request every step but the sending answers at once, and is not awaited then: an async
 * step costs some 1 % of the throughput even if there is nothing to wait for.
 */
export async function route(
  router: Router,
  request: Request,
  background: Background,
): Promise<Response | null> {
  const arrival = arrive(request, Date.now());
  const parts = poolFor(router.pools, arrival.host, arrival.path);
  if (parts === null) return null;

  const hops = hopsOf(arrival.headers);
  const refusal = refusalOf(arrival, hops);
  if (refusal !== null) {
    const response = refuse(request, refusal);
    observeRefusal(router, parts, request.headers, refusal, response.status, background);
    return response;
  }

  const clientIp = parts.clientIp(arrival);
  const seen = identify(parts.readers, arrival, clientIp);
  const sightings = seen instanceof Promise ? await seen : seen;
  const trip = tripOf(parts, arrival, clientIp, hops, sightings, background);

  const view = parts.viewer.current(arrival.now, background);
  const snapshot = view instanceof Promise ? await view : view;
  const placing = place(trip, snapshot);
  const placement = placing instanceof Promise ? await placing : placing;

  const sent = await send(trip, snapshot, placement);
  const answering = sent.kind === "failed" ? refuse(request, sent.failure) : answer(trip, sent);
  const response = answering instanceof Promise ? await answering : answering;
  observe(router, trip, sent, response.status);
  return router.config.exposeStatus
    ? withStatus(response, affinityStatus(sent.placement))
    : response;
}

/** What the client gets: the origin's answer, changed only if something was learned or pinned. */
function answer(
  trip: Trip,
  sent: Extract<Sent, { kind: "answered" }>,
): Response | Promise<Response> {
  const { response, placement, origin, pins } = sent;
  const { desk, carriers, learns } = trip.parts;
  const learned =
    pins && learns ? learn(desk, carriers, trip, placement, response.headers) : NOTHING_LEARNED;
  const isPlain = learned === NOTHING_LEARNED && (!pins || placement.held.length === 0);
  return isPlain ? respond(response, trip.arrival, origin, NO_CHANGES) : stamp(trip, sent, learned);
}

async function stamp(
  trip: Trip,
  { response, placement, origin }: Extract<Sent, { kind: "answered" }>,
  learning: Learned | Promise<Learned>,
): Promise<Response> {
  const { desk, carriers } = trip.parts;
  const learned = await learning;
  const setCookies = await commit(desk, carriers, placement, trip.arrival, trip.background);
  return respond(response, trip.arrival, origin, {
    setCookies: [...setCookies, ...learned.setCookies],
    instead: learned.instead,
  });
}

/** An answer of our own. */
function refuse({ headers }: Request, failure: Failure): Response {
  return failureResponse(failure, requestIdOf(headers), headers.get("accept"));
}
