import { identify } from "../../affinity/identify.ts";
import { locateAll } from "../../affinity/locate.ts";
import { arrive } from "../../shared/arrival.ts";
import type { PoolParts } from "../../assembly/assemble.ts";
import { clientKey } from "../../balancing/bursts.ts";
import type { Background } from "../../model.ts";
import type { Failure } from "../../outcome.ts";
import { poolFor } from "../../pools/match.ts";
import { hopsOf } from "../../proxy/headers.ts";
import { refusalOf } from "../../proxy/passing.ts";
import { outcomeOf } from "../../route/status.ts";
import { place, tripOf, visitOf } from "../../route/trip.ts";
import type { Explanation } from "../schemas.ts";
import { candidatesOf } from "./candidates.ts";
import { looking } from "./looking.ts";
import { reasonOf } from "./reason.ts";
import { verdictsOf } from "./verdict.ts";

/** What would become of a request, told by the code that decides on real ones. */

/** The request to be explained; `ip` null: what its headers say. */
interface Imagined {
  readonly request: Request;
  readonly ip: string | null;
}

/** Follows `route` step by step, up to where it would send the request. Changes nothing. */
export async function explain(
  pools: readonly PoolParts[],
  { request, ip }: Imagined,
  now: number,
  background: Background,
): Promise<{ readonly value: Explanation } | Failure> {
  const shown = arrive(request, now);
  const hops = hopsOf(shown.headers);
  const refusal = refusalOf(shown, hops);
  if (refusal !== null) {
    return { value: unplaced(`The router itself refuses it: ${refusal.code}.`) };
  }

  const real = poolFor(pools, shown.host, shown.path);
  if (real === null) return { value: unplaced(`No pool matches ${shown.host}${shown.path}.`) };
  const parts = looking(real);
  const { pool, desk } = parts;

  const arrival = ip === null ? shown : arrive(withIp(request, pool.clientIp.header, ip), now);
  const clientIp = parts.clientIp(arrival);
  if (ip !== null && clientIp === null) {
    return { code: "invalid_input", detail: "ip: expected an IPv4 or IPv6 address" };
  }
  const sightings = await identify(parts.readers, arrival, clientIp);
  const trip = tripOf(parts, arrival, clientIp, hops, sightings, background);

  const snapshot = await parts.viewer.current(now, background);
  const visit = visitOf(trip, snapshot);
  const located = await locateAll(desk, visit);
  const placement = await place(trip, snapshot);
  const burst =
    trip.mayMake() && pool.rules.length > 0
      ? parts.bursts.recent(clientKey(arrival, clientIp), now)
      : null;
  return {
    value: {
      pool: pool.name,
      rules: await verdictsOf(desk, visit, located),
      candidates: await candidatesOf(trip, snapshot, placement),
      chosen: placement.kind === "placed" ? placement.standing.origin.name : null,
      outcome: outcomeOf(placement),
      reason: reasonOf(pool, snapshot, placement, located, burst),
    },
  };
}

function unplaced(reason: string): Explanation {
  return { pool: null, rules: [], candidates: [], chosen: null, outcome: "none", reason };
}

function withIp(request: Request, header: string, ip: string): Request {
  const headers = new Headers(request.headers);
  headers.set(header, ip);
  return new Request(request, { headers });
}
