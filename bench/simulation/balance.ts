// Pure: how evenly the router's own policies spread sessions, and how many move when an origin goes.
import { lessLoaded } from "../../src/balancing/least-sessions.ts";
import { rendezvous, withinBounds } from "../../src/balancing/rendezvous.ts";
import { roundRobin } from "../../src/balancing/round-robin.ts";
import { weightedRandom } from "../../src/balancing/weighted-random.ts";

interface Place {
  readonly name: string;
  readonly weight: number;
}

export const policies = [
  "round-robin",
  "weighted-random",
  "least-sessions",
  "hash (bounded)",
  "pin = hash",
] as const;
export type Policy = (typeof policies)[number];

const isolates = 50;
/** Sessions that begin between two counts: 1,000 a second, counts 5 s old. */
const betweenCounts = 5_000;

/** Numbers in [0, 1), the same in every run (mulberry32). */
export function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function placesOf(count: number): Place[] {
  return Array.from({ length: count }, (_, at) => ({ name: `app-${at + 1}`, weight: 1 }));
}

const nameOf = ({ name }: Place): string => name;
const weightOf = ({ weight }: Place): number => weight;

/** Sessions by origin after that many began, each in one of 50 isolates that know old counts only. */
export function spread(policy: Policy, places: readonly Place[], sessions: number, seed: number) {
  const random = numbers(seed);
  const turns = Array.from({ length: isolates }, () => roundRobin<Place>(nameOf, random()));
  const recent = Array.from({ length: isolates }, () => new Map<string, number>());
  const total = new Map(places.map(({ name }) => [name, 0]));
  let counted = new Map(total);
  for (let at = 0; at < sessions; at += 1) {
    if (at % betweenCounts === 0) {
      counted = new Map(total);
      for (const one of recent) one.clear();
    }
    const isolate = Math.floor(random() * isolates);
    const mine = recent[isolate] ?? new Map<string, number>();
    const loadOf = ({ name }: Place): number => (counted.get(name) ?? 0) + (mine.get(name) ?? 0);
    const key = `${seed}/${at}`;
    const picked = pick(policy, places, key, loadOf, turns[isolate], random);
    if (picked === null) continue;
    mine.set(picked.name, (mine.get(picked.name) ?? 0) + 1);
    total.set(picked.name, (total.get(picked.name) ?? 0) + 1);
  }
  return total;
}

function pick(
  policy: Policy,
  places: readonly Place[],
  key: string,
  loadOf: (place: Place) => number,
  turns: { next(list: readonly Place[]): Place | null } | undefined,
  random: () => number,
): Place | null {
  switch (policy) {
    case "round-robin":
      return turns?.next(places) ?? null;
    case "weighted-random":
      return weightedRandom(places, random());
    case "least-sessions":
      return lessLoaded(places, loadOf, random);
    case "hash (bounded)":
      return rendezvous(withinBounds(places, loadOf), key, nameOf, weightOf);
    case "pin = hash":
      return rendezvous(places, key, nameOf, weightOf);
  }
}

/** Shares of the keys that `pin = "hash"` moves when the last of so many goes, and when one comes. */
export function hashMoves(count: number, keys: number): { goes: number; comes: number } {
  const places = placesOf(count + 1);
  const [less, same, more] = [places.slice(0, count - 1), places.slice(0, count), places];
  let goes = 0;
  let comes = 0;
  for (let at = 0; at < keys; at += 1) {
    const key = `key-${at}`;
    const now = rendezvous(same, key, nameOf, weightOf);
    if (rendezvous(less, key, nameOf, weightOf) !== now) goes += 1;
    if (rendezvous(more, key, nameOf, weightOf) !== now) comes += 1;
  }
  return { goes: goes / keys, comes: comes / keys };
}
