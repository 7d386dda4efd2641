// Pure: numbers in, numbers out.
import type { Measured } from "./load.ts";
import type { Budget } from "./variants.ts";

/** What a shot gave, and what it cost. */
export interface Shot extends Measured {
  /** Processor time of the contender's process for each request; null where it can't be known. */
  readonly cpuMicros: number | null;
}

/** Rounds of one contender, in the order they were run. */
export type Rounds = readonly Shot[];

export interface Ratio {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export interface Verdict extends Ratio {
  readonly budget: Budget;
  readonly met: boolean;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  const lower = sorted[Math.ceil(middle) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

export function throughput({ requests, seconds }: Measured): number {
  return requests / seconds;
}

const measures = {
  throughput,
  p99: (shot: Shot) => shot.p99Ms,
  cpu: cpuMicros,
} as const;

/** The ratio is taken inside each round, so that a slow moment of the machine hits both sides. */
export function judge(budget: Budget, rounds: ReadonlyMap<string, Rounds>): Verdict {
  const measure = measures[budget.measure];
  const ratio = ratioOf(measure, rounds.get(budget.of) ?? [], rounds.get(budget.against) ?? []);
  const { atLeast = 0, atMost = Infinity } = budget;
  return { budget, ...ratio, met: ratio.median >= atLeast && ratio.median <= atMost };
}

/** One contender's rounds to another's. */
export function ratioOf(measure: (shot: Shot) => number, of: Rounds, against: Rounds): Ratio {
  const others = against.map(measure);
  const ratios = of.map((shot, round) => measure(shot) / (others[round] ?? Number.NaN));
  return { median: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) };
}

/** Microseconds of processor time for a request; NaN where they are not known. */
export function cpuMicros(shot: Shot): number {
  return shot.cpuMicros ?? Number.NaN;
}
