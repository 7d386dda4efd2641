import type { Arrival } from "../shared/arrival.ts";
import type { BalanceName, Snapshot, Standing } from "../model.ts";
import { lessLoaded } from "./least-sessions.ts";
import { nearestOf } from "./nearest.ts";
import { rendezvous, withinBounds } from "./rendezvous.ts";
import { roundRobin, type RoundRobin } from "./round-robin.ts";
import { weightedRandom } from "./weighted-random.ts";

/** What is asked of balancing. */
export interface Wanted {
  /** The origin that was lost; others of its version come first. */
  readonly avoid: Standing | null;
  /** Makes the choice a function of this key alone; null leaves it to the pool's policy. */
  readonly key: string | null;
  /** The key is a pin of its own: origins that keep their sessions count too. */
  readonly isPinned: boolean;
  readonly arrival: Arrival;
}

/** A pool's policy, with what little state it has in this isolate. */
export interface Balancer {
  /** The origin for a session without a usable pin; null when nobody may take it. */
  pick(snapshot: Snapshot, wanted: Wanted): Standing | null;
  /** Whether it has as many sessions as it may, with those that this isolate has placed since the count. */
  isFull(standing: Standing): boolean;
  /** The same for whoever only looks: picks as this one would next, and changes nothing here. */
  looking(random: () => number): Balancer;
}

/** For this long after an origin came back, its share grows from a tenth to the whole. */
const WARM_UP_MS = 30_000;

const nameOf = ({ origin }: Standing) => origin.name;

/** `random` gives numbers in [0, 1). */
export function makeBalancer(policy: BalanceName, random: () => number): Balancer {
  return balancerFrom(policy, random, {
    turns: roundRobin(nameOf, random()),
    recent: new Map(),
    countsAt: 0,
  });
}

interface Past {
  readonly turns: RoundRobin<Standing>;
  /** Sessions this isolate has placed since those of the view were counted. */
  readonly recent: Map<string, number>;
  readonly countsAt: number;
}

function balancerFrom(
  policy: BalanceName,
  random: () => number,
  { turns, recent, countsAt: before }: Past,
): Balancer {
  let countsAt = before;

  const loadOf = (standing: Standing) => standing.sessions + (recent.get(nameOf(standing)) ?? 0);
  const isFull = (standing: Standing) => loadOf(standing) >= standing.origin.maxSessions;

  function spare({ standings, takers }: Snapshot, avoid: Standing | null): readonly Standing[] {
    if (takers.length === 0) return [];
    const others = [...standings.values()].filter(
      (one) => one.keep && one.state === "active" && !isFull(one) && one !== avoid,
    );
    const tier = Math.min(...others.map(({ origin }) => origin.tier));
    return others.filter(({ origin }) => origin.tier === tier);
  }

  function byPolicy(list: readonly Standing[], arrival: Arrival): Standing | null {
    switch (policy) {
      case "round-robin":
        return turns.next(list);
      case "weighted-random":
        return weightedRandom(list, random());
      case "least-sessions":
        return lessLoaded(list, loadOf, random);
      case "hash": {
        const key = arrival.host + arrival.path;
        return rendezvous(withinBounds(list, loadOf), key, nameOf, ({ weight }) => weight);
      }
      case "nearest":
        return turns.next(nearestOf(list, arrival.request.cf));
    }
  }

  return {
    pick(snapshot, { avoid, key, isPinned, arrival }) {
      if (key !== null) {
        const list = sameVersion(
          without(isPinned ? keepersOf(snapshot) : snapshot.takers, avoid),
          avoid,
        );
        return rendezvous(list, key, nameOf, ({ weight }) => weight);
      }
      if (countsAt !== snapshot.countsAt) {
        countsAt = snapshot.countsAt;
        recent.clear();
      }
      const below = without(snapshot.takers, avoid).filter((standing) => !isFull(standing));
      // The view's takers are of one tier; what this isolate has filled since leaves it to the next.
      const open = below.length > 0 ? below : spare(snapshot, avoid);
      const warm = sameVersion(open, avoid).map((standing) => warming(standing, arrival.now));
      const picked = byPolicy(warm, arrival);
      if (picked === null) return null;
      recent.set(nameOf(picked), (recent.get(nameOf(picked)) ?? 0) + 1);
      return snapshot.standings.get(nameOf(picked)) ?? null;
    },
    isFull,
    looking: (dice) =>
      balancerFrom(policy, dice, { turns: turns.fork(), recent: new Map(recent), countsAt }),
  };
}

/** All but the lost one, unless nobody else is left: a drained origin may be the last resort. */
function without(list: readonly Standing[], avoid: Standing | null): readonly Standing[] {
  if (avoid === null) return list;
  const others = list.filter((standing) => nameOf(standing) !== nameOf(avoid));
  return others.length > 0 ? others : list;
}

/** A lost session prefers an origin that runs what it knew. */
function sameVersion(list: readonly Standing[], lost: Standing | null): readonly Standing[] {
  const version = lost?.origin.version ?? null;
  if (version === null) return list;
  const same = list.filter(({ origin }) => origin.version === version);
  return same.length > 0 ? same : list;
}

/** Origins that may serve pinned sessions, of the first tier that has any. */
function keepersOf({ standings }: Snapshot): Standing[] {
  const keepers = [...standings.values()].filter(({ keep }) => keep);
  const tier = Math.min(...keepers.map(({ origin }) => origin.tier));
  return keepers
    .filter(({ origin }) => origin.tier === tier)
    .map((standing) => ({ ...standing, weight: Math.max(1, standing.weight) }));
}

/** Slow start: an origin that has just come back gets its share step by step. */
function warming(standing: Standing, now: number): Standing {
  if (standing.upSince === null) return standing;
  const age = now - standing.upSince;
  if (age < 0 || age >= WARM_UP_MS) return standing;
  return { ...standing, weight: standing.weight * Math.max(0.1, age / WARM_UP_MS) };
}
