import type { PoolParts } from "../../assembly/assemble.ts";
import type { SessionStore } from "../../shared/session-store.ts";

/**
 * A pool for whoever only looks: the same code runs on it as on a real request, but its map stores
 * nothing, its leases and bursts remember nothing, and its balancer's turns are a copy.
 */
export function looking(parts: PoolParts): PoolParts {
  const { desk, balancer, bursts } = parts;
  return {
    ...parts,
    balancer: balancer.looking(Math.random),
    bursts: bursts.looking(),
    desk: { ...desk, leases: desk.leases.looking(), store: lookingAt(desk.store) },
  };
}

/** What settling asks of the map; anything else would write. */
function lookingAt(store: SessionStore): SessionStore {
  const refused = () => Promise.reject(new Error("who only looks changes nothing"));
  return {
    assign: (ids, _, proposal) => store.look(ids, proposal),
    look: (ids, proposal) => store.look(ids, proposal),
    later() {},
    find: (id) => store.find(id),
    list: (cursor, filter, most) => store.list(cursor, filter, most),
    counts: () => store.counts(),
    move: refused,
    release: refused,
    releaseOlder: refused,
    forget: refused,
    flush: refused,
  };
}
