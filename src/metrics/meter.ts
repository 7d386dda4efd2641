import {
  addSums,
  type Counter,
  type Counts,
  type CountSource,
  type Sums,
} from "../shared/counts.ts";
import type { Failure, MoveReason, Outcome } from "../outcome.ts";

/** Upper bounds of the histogram of latencies. */
export const BOUNDS_MS = [
  5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000,
] as const;

const REPORT_MS = 5_000;

/** Requests that were refused before they had a pool; any meter of the isolate takes them along. */
export interface Refusals {
  /** Whether it is time for a report, which nobody else may be about to make. */
  count(code: Failure["code"], now: number): boolean;
  take(): Sums;
}

export function makeRefusals(): Refusals {
  let sums: Sums = {};
  let dueAt = Infinity;
  return {
    count(code, now) {
      addSums(sums, { [`refused ${code}`]: 1 });
      const isDue = now >= dueAt;
      if (isDue || dueAt === Infinity) dueAt = now + REPORT_MS;
      return isDue;
    },
    take() {
      const taken = sums;
      sums = {};
      dueAt = Infinity;
      return taken;
    },
  };
}

/**
 * What this isolate counts of one pool, in memory only: an answered request costs a look-up and four
 * additions. What has not been taken when the isolate ends is lost.
 */
export interface Meter extends CountSource {
  /** One request; `origin` "" if it has none. `ms` until its answer leaves. */
  count(origin: string, outcome: Outcome, status: number, ms: number): void;
  failed(origin: string, code: Failure["code"]): void;
  moved(from: string, reason: MoveReason): void;
  retried(times: number): void;
  /** One call to the session map. */
  called(call: string, isGood: boolean): void;
}

interface Tally {
  readonly outcomes: Record<Outcome, number>;
  readonly classes: number[];
  readonly within: number[];
  ms: number;
  readonly others: Sums;
}

function newTally(): Tally {
  return {
    outcomes: {
      new: 0,
      hit: 0,
      moved: 0,
      detour: 0,
      refused: 0,
      expired: 0,
      invalid: 0,
      skip: 0,
      none: 0,
      degraded: 0,
    },
    classes: [0, 0, 0, 0, 0, 0],
    within: Array.from({ length: BOUNDS_MS.length + 1 }, () => 0),
    ms: 0,
    others: {},
  };
}

export function makeMeter(isolate: string, refusals: Refusals): Meter {
  let tallies = new Map<string, Tally>();
  let returned: Counts["sums"] = new Map();

  function tallyOf(origin: string): Tally {
    const known = tallies.get(origin);
    if (known !== undefined) return known;
    const fresh = newTally();
    tallies.set(origin, fresh);
    return fresh;
  }

  function add(origin: string, counter: Counter, n: number): void {
    addSums(tallyOf(origin).others, { [counter]: n });
  }

  return {
    count(origin, outcome, status, ms) {
      const tally = tallyOf(origin);
      tally.outcomes[outcome] += 1;
      const family = Math.trunc(status / 100);
      tally.classes[family] = (tally.classes[family] ?? 0) + 1;
      const bucket = bucketOf(ms);
      tally.within[bucket] = (tally.within[bucket] ?? 0) + 1;
      tally.ms += Math.max(0, ms);
    },
    failed: (origin, code) => add(origin, `failure ${code}`, 1),
    moved: (from, reason) => add(from, `move ${reason}`, 1),
    retried: (times) => add("", "retries", times),
    called: (call, isGood) => add("", isGood ? `call ${call}` : `call-failed ${call}`, 1),
    take() {
      const sums = new Map<string, Sums>();
      for (const [origin, given] of returned) sums.set(origin, { ...given });
      for (const [origin, tally] of tallies) addTo(sums, origin, sumsOf(tally));
      const refused = refusals.take();
      if (Object.keys(refused).length > 0) addTo(sums, "", refused);
      returned = new Map();
      tallies = new Map();
      return sums.size === 0 ? null : { isolate, sums };
    },
    giveBack(counts) {
      const sums = new Map<string, Sums>();
      for (const [origin, given] of returned) sums.set(origin, { ...given });
      for (const [origin, given] of counts.sums) addTo(sums, origin, given);
      returned = sums;
    },
  };
}

/** Which bound holds it; the last one is infinite. */
function bucketOf(ms: number): number {
  let at = 0;
  for (const bound of BOUNDS_MS) {
    if (ms <= bound) return at;
    at += 1;
  }
  return at;
}

function addTo(sums: Map<string, Sums>, origin: string, more: Readonly<Sums>): void {
  const known = sums.get(origin);
  if (known === undefined) sums.set(origin, { ...more });
  else addSums(known, more);
}

function sumsOf({ outcomes, classes, within, ms, others }: Tally): Sums {
  const sums: Sums = { ...others };
  for (const [outcome, n] of Object.entries(outcomes)) {
    if (n > 0) sums[`outcome ${outcome as Outcome}`] = n;
  }
  for (const family of [1, 2, 3, 4, 5] as const) {
    const n = classes[family] ?? 0;
    if (n > 0) sums[`class ${family}xx`] = n;
  }
  for (const [at, n] of within.entries()) {
    if (n > 0) sums[`within ${BOUNDS_MS[at] ?? "+Inf"}`] = n;
  }
  if (ms > 0) sums.ms = ms;
  return sums;
}
