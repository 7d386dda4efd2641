import { withoutCookies } from "./affinity/carriers.ts";
import type { Choose } from "./affinity/desk.ts";
import { settle } from "./affinity/settle.ts";
import { cookiesFor, record } from "./affinity/stamp.ts";
import { arrive, type Arrival } from "./arrival.ts";
import type { PoolParts, Router } from "./assemble.ts";
import { clientKey } from "./balancing/bursts.ts";
import type { Background, Snapshot } from "./model.ts";
import type { Failure } from "./outcome.ts";
import { poolFor } from "./pools/match.ts";
import { forward, handshakeFlaw } from "./proxy/forward.ts";
import { hopsOf, isLoop, requestHeaders } from "./proxy/headers.ts";
import { respond } from "./proxy/respond.ts";
import { isPassing } from "./proxy/passing.ts";
import { affinityEvent, affinityStatus } from "./status.ts";

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
  const { pool, desk, carriers } = parts;

  const clientIp = parts.clientIp(arrival);
  const sightings = await Promise.all(parts.readers.map((read) => read(arrival, clientIp)));
  const snapshot = await parts.viewer.current(arrival.now, background);

  const mayMake = !isPassing(arrival) && !parts.isSkipped(arrival.path);
  const choose = chooser(parts, snapshot, arrival, clientIp);
  const { now } = arrival;
  const placement = await settle(desk, { sightings, snapshot, now, mayMake, background, choose });
  if (placement.kind === "nobody") return { code: "no_origin", retryAfterSeconds: 5 };
  if (placement.kind === "refused") {
    return { code: "session_lost", status: pool.failover.refuseStatus };
  }

  const cookies = withoutCookies(arrival.cookies, router.cookieNames);
  const headers = requestHeaders(arrival, clientIp, cookies, hops);
  const event = affinityEvent(placement);
  if (event !== null) headers.set("Affinity-Event", event);
  const { origin } = placement.standing;
  const attempt = await forward(arrival, origin, headers, request.body, pool.failover.timeoutMs);
  if (attempt.kind !== "answered") {
    return { code: attempt.kind === "timeout" ? "origin_timeout" : "origin_unreachable" };
  }

  const stamps = placement.held.length === 0 ? [] : await cookiesFor(placement, carriers, arrival);
  if (stamps.length > 0) record(desk, placement, now, background);
  const status = router.config.exposeStatus ? affinityStatus(placement) : null;
  return respond(attempt.response, arrival, origin, stamps, status);
}

/** What is answered before anything is looked up. */
function refusalOf(arrival: Arrival, hops: number): Failure | null {
  if (arrival.method === "TRACE" || arrival.method === "CONNECT") {
    return { code: "method_not_allowed", allow: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" };
  }
  if (isLoop(hops)) return { code: "loop" };
  const flaw = handshakeFlaw(arrival);
  return flaw === null ? null : { code: "bad_request", status: flaw };
}

/** Balancing for this request; a new client's first burst stays together. */
function chooser(
  { balancer, bursts }: PoolParts,
  snapshot: Snapshot,
  arrival: Arrival,
  clientIp: string | null,
): Choose {
  return ({ avoid, key, isPinned = false }) => {
    const without = new Set(avoid === null ? [] : [avoid.origin.name]);
    if (key !== null || avoid !== null) {
      return balancer.pick(snapshot, { without, key, isPinned });
    }
    const client = clientKey(arrival, clientIp);
    const recent = bursts.recent(client, arrival.now);
    const known = snapshot.takers.find(({ origin }) => origin.name === recent);
    const picked = known ?? balancer.pick(snapshot, { without, key: null, isPinned: false });
    if (picked !== null && known === undefined) {
      bursts.note(client, picked.origin.name, arrival.now);
    }
    return picked;
  };
}
