import type { Pool, Snapshot, Standing } from "../model.ts";
import { rendezvous } from "./rendezvous.ts";
import { roundRobin } from "./round-robin.ts";

/** What is asked of balancing. */
export interface Wanted {
  /** Origins that will not do: tried already, or lost. */
  readonly without: ReadonlySet<string>;
  /** Makes the choice a function of this key alone; null leaves it to the pool's policy. */
  readonly key: string | null;
  /** The key is a pin of its own: origins that keep their sessions count too. */
  readonly isPinned: boolean;
}

/** A pool's policy, with what little state it has in this isolate. */
export interface Balancer {
  pick(snapshot: Snapshot, wanted: Wanted): Standing | null;
}

export function makeBalancer(_pool: Pool, random: number): Balancer {
  const turns = roundRobin<Standing>(({ origin }) => origin.name, random);
  return {
    pick(snapshot, { without, key, isPinned }) {
      const list = (isPinned ? keepersOf(snapshot) : snapshot.takers).filter(
        ({ origin }) => !without.has(origin.name),
      );
      if (key !== null) {
        return rendezvous(
          list,
          key,
          ({ origin }) => origin.name,
          ({ weight }) => weight,
        );
      }
      return turns.next(list);
    },
  };
}

/** Origins that may serve pinned sessions, of the first tier that has any. */
function keepersOf({ standings }: Snapshot): Standing[] {
  const keepers = [...standings.values()].filter(({ keep }) => keep);
  const tier = Math.min(...keepers.map(({ origin }) => origin.tier));
  return keepers.filter(({ origin }) => origin.tier === tier);
}
