import type { Origin, Snapshot, Standing } from "../../../src/model.ts";
import { makePool } from "../fixtures.ts";

const [ORIGIN] = makePool().origins;

export interface Given extends Partial<Omit<Standing, "origin">> {
  readonly of?: Partial<Origin>;
}

export function standingOf(name: string, { of = {}, ...given }: Given = {}): Standing {
  return {
    origin: { ...ORIGIN!, name, route: name, url: `https://${name}.example.com`, ...of },
    state: "active",
    weight: 1,
    generation: 1,
    health: "up",
    upSince: null,
    sessions: 0,
    keep: true,
    lost: null,
    ...given,
  };
}

/** A pool's snapshot; all that keep take, too, unless said otherwise. */
export function snapshotOf(standings: readonly Standing[], of: Partial<Snapshot> = {}): Snapshot {
  return {
    standings: new Map(standings.map((standing) => [standing.origin.name, standing])),
    takers: standings.filter(({ keep, state }) => keep && state === "active"),
    recalled: new Map(),
    askBefore: 0,
    countsAt: 0,
    validUntil: Infinity,
    ...of,
  };
}

/** Numbers in [0, 1) that look random and are the same in every run (mulberry32). */
export function numbers(seed = 1): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
