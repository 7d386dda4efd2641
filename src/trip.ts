import type { Placement, Visit } from "./affinity/desk.ts";
import { settle } from "./affinity/settle.ts";
import type { Sighting } from "./affinity/sighting.ts";
import type { Arrival } from "./arrival.ts";
import type { PoolParts } from "./assemble.ts";
import { chooser } from "./balancing/chooser.ts";
import type { Background, Snapshot } from "./model.ts";

/** One request on its way through one pool. */
export interface Trip {
  readonly parts: PoolParts;
  readonly arrival: Arrival;
  readonly clientIp: string | null;
  readonly hops: number;
  readonly sightings: readonly Sighting[];
  /** False for preflights, prefetches and skipped paths: they follow a pin but make none. */
  readonly mayMake: boolean;
  readonly background: Background;
}

/** Which origin serves, and where its pin is kept. */
export function place(trip: Trip, snapshot: Snapshot): Promise<Placement> {
  return settle(trip.parts.desk, visitOf(trip, snapshot));
}

/** The request as far as its pin is concerned. */
export function visitOf(trip: Trip, snapshot: Snapshot): Visit {
  const { parts, arrival, clientIp, sightings, mayMake, background } = trip;
  // A burst is of one new session; where none is made, every request is on its own.
  const burster = mayMake && parts.pool.rules.length > 0 ? clientIp : null;
  const choose = chooser(parts, snapshot, arrival, burster);
  const { now } = arrival;
  return { sightings, snapshot, now, mayMake, background, choose };
}
