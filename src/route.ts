import { commit } from "./affinity/commit.ts";
import { identify } from "./affinity/identify.ts";
import { learn, NOTHING_LEARNED } from "./affinity/learn.ts";
import { arrive, requestIdOf } from "./arrival.ts";
import type { Router } from "./assemble.ts";
import { send, type Sent } from "./exchange.ts";
import type { Background } from "./model.ts";
import { observe, observeRefusal } from "./observe.ts";
import { failureResponse, type Failure } from "./outcome.ts";
import { poolFor } from "./pools/match.ts";
import { hopsOf } from "./proxy/headers.ts";
import { isPassing, refusalOf } from "./proxy/passing.ts";
import { respond, withStatus } from "./proxy/respond.ts";
import { affinityStatus } from "./status.ts";
import { place, type Trip } from "./trip.ts";

/**
 * The story of a request (DESIGN.md §4): which pool, which session, which origin; send it there; hand
 * the answer back, with a cookie only when the pin has changed. Null if no pool takes the request.
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
  const sightings = await identify(parts.readers, arrival, clientIp);
  const mayMake = !isPassing(arrival) && !parts.isSkipped(arrival.path);
  const trip: Trip = { parts, arrival, clientIp, hops, sightings, mayMake, background };

  const snapshot = await parts.viewer.current(arrival.now, background);
  const placement = await place(trip, snapshot);
  const sent = await send(trip, snapshot, placement);
  const response =
    sent.kind === "failed" ? refuse(request, sent.failure) : await answer(trip, sent);
  observe(router, trip, sent, response.status);
  return router.config.exposeStatus
    ? withStatus(response, affinityStatus(sent.placement))
    : response;
}

/** What the client gets: the origin's answer, and our cookie if the pin has changed. */
async function answer(trip: Trip, sent: Extract<Sent, { kind: "answered" }>): Promise<Response> {
  const { parts, arrival } = trip;
  const { response, placement } = sent;
  const learned =
    sent.pins && parts.learns
      ? await learn(parts.desk, parts.carriers, trip, placement, response.headers)
      : NOTHING_LEARNED;
  const setCookies =
    sent.pins && placement.held.length > 0
      ? await commit(parts.desk, parts.carriers, placement, arrival, trip.background)
      : [];
  return respond(response, arrival, sent.origin, {
    setCookies: [...setCookies, ...learned.setCookies],
    instead: learned.instead,
  });
}

/** An answer of our own. */
function refuse({ headers }: Request, failure: Failure): Response {
  return failureResponse(failure, requestIdOf(headers), headers.get("accept"));
}
