import type { Placement } from "../../affinity/desk.ts";
import type { Snapshot, Standing } from "../../model.ts";
import type { OriginRow } from "../../pools/statements.ts";
import { withoutOrigin } from "../../pools/usable.ts";
import type { Candidate } from "../schemas.ts";
import { place, type Trip } from "../../route/trip.ts";

/** Every origin of the pool in the order in which this request would try them. */

/** After so many the order is by weight: each of these is settled as a real retry would be. */
const SETTLED_MOST = 8;

export async function candidatesOf(
  trip: Trip,
  snapshot: Snapshot,
  first: Placement,
): Promise<Candidate[]> {
  const tried = await orderOf(trip, snapshot, first);
  const names = new Set(tried.map((standing) => standing.origin.name));
  const rest = [...snapshot.standings.values()].filter(({ origin }) => !names.has(origin.name));
  const rankOf = (standing: Standing) =>
    isTaker(standing, snapshot) ? 0 : standing.keep ? 1 : standing.health === "up" ? 2 : 3;
  const sorted = rest.sort(
    (one, other) =>
      rankOf(one) - rankOf(other) ||
      one.origin.tier - other.origin.tier ||
      other.weight - one.weight,
  );
  const rows = new Map(trip.parts.viewer.view().origins.map((row) => [row.name, row]));
  return [...tried, ...sorted].map((standing) => {
    const { name } = standing.origin;
    const isOpen = isTaker(standing, snapshot) && !trip.parts.balancer.isFull(standing);
    const usable = standing === tried[0] || isOpen;
    const why = whyOf(trip, snapshot, standing, rows.get(name) ?? null, usable);
    return { origin: name, usable, why };
  });
}

/** Who serves, who would if that one failed, and so on: settled again and again with one less. */
async function orderOf(trip: Trip, snapshot: Snapshot, first: Placement): Promise<Standing[]> {
  const order: Standing[] = [];
  let placement = first;
  let left = snapshot;
  while (placement.kind === "placed" && order.length < SETTLED_MOST) {
    const { name } = placement.standing.origin;
    const standing = snapshot.standings.get(name);
    if (standing === undefined || order.includes(standing)) break;
    order.push(standing);
    left = withoutOrigin(left, name);
    placement = await place(trip, left);
  }
  return order;
}

function whyOf(
  trip: Trip,
  snapshot: Snapshot,
  standing: Standing,
  row: OriginRow | null,
  usable: boolean,
): string {
  const { state, lost, origin, keep } = standing;
  if (lost === "disabled") return "disabled: its sessions move away";
  if (lost === "down") return `down: ${downText(trip, standing, row)}`;
  const isLast = state === "draining" && isTaker(standing, snapshot);
  if (isLast) return "draining, but there is nobody else";
  if (lost === "drained") return "drained: takes no sessions and keeps none";
  if (state === "draining") return "draining: keeps its sessions, takes no new ones";
  if (standing.sessions >= origin.maxSessions || trip.parts.balancer.isFull(standing)) {
    return `at max_sessions (${origin.maxSessions}): keeps its sessions, takes no new ones`;
  }
  if (!usable && !isTaker(standing, snapshot) && keep) {
    const tier = Math.min(...snapshot.takers.map((taker) => taker.origin.tier));
    return `tier ${origin.tier}, and tier ${tier} has usable origins`;
  }
  return usable ? "up: takes new sessions" : "takes no sessions now";
}

/** By checks, or by what an isolate saw; this isolate may have seen more than the pool knows. */
function downText({ parts, arrival }: Trip, { origin }: Standing, row: OriginRow | null): string {
  const ours = parts.health.local.ejections.get(origin.name) ?? 0;
  const until = Math.max(ours, row?.ejected_until ?? 0);
  if (row?.probe === "down") return "it fails its health checks";
  return until > arrival.now
    ? `ejected until ${new Date(until).toISOString().slice(11, 19)}Z`
    : "it has failed";
}

function isTaker({ origin }: Standing, { takers }: Snapshot): boolean {
  return takers.some((taker) => taker.origin.name === origin.name);
}
