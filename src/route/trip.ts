import type { Placement, Visit } from "../affinity/desk.ts";
import { settle } from "../affinity/settle.ts";
import type { Sighting } from "../affinity/sighting.ts";
import type { Arrival } from "../shared/arrival.ts";
import type { PoolParts } from "../assembly/assemble.ts";
import { chooser } from "../balancing/chooser.ts";
import type { Background, Snapshot } from "../model.ts";
import { isPassing } from "../proxy/passing.ts";

/** One request on its way through one pool. */
export interface Trip {
  readonly parts: PoolParts;
  readonly arrival: Arrival;
  readonly clientIp: string | null;
  readonly hops: number;
  readonly sightings: readonly Sighting[];
  /** Few requests need to know. False for preflights, prefetches and skipped paths: they follow a pin but make none. */
  mayMake(): boolean;
  readonly background: Background;
}

export function tripOf(
  parts: PoolParts,
  arrival: Arrival,
  clientIp: string | null,
  hops: number,
  sightings: readonly Sighting[],
  background: Background,
): Trip {
  return {
    parts,
    arrival,
    clientIp,
    hops,
    sightings,
    background,
    mayMake: () => !isPassing(arrival) && !parts.isSkipped(arrival.path),
  };
}

/** Which origin serves, and where its pin is kept. */
export function place(trip: Trip, snapshot: Snapshot): Placement | Promise<Placement> {
  return settle(trip.parts.desk, visitOf(trip, snapshot));
}

/** The request as far as its pin is concerned. */
export function visitOf(trip: Trip, snapshot: Snapshot): Visit {
  const { parts, arrival, clientIp, sightings, background } = trip;
  // A burst is of one new session; where none is made, every request is on its own.
  const burster = () => (trip.mayMake() && parts.pool.rules.length > 0 ? clientIp : null);
  return {
    sightings,
    snapshot,
    now: arrival.now,
    background,
    choose: chooser(parts, snapshot, arrival, burster),
    mayMake: trip.mayMake,
  };
}
