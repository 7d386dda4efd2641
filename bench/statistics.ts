// Pure: numbers in, numbers out.
import type { Measured } from "./load.ts";
import type { Budget } from "./variants.ts";

/** Rounds of one contender, in the order they were run. */
export type Rounds = readonly Measured[];

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

/** The ratio is taken inside each round, so that a slow moment of the machine hits both sides. */
export function judge(budget: Budget, rounds: ReadonlyMap<string, Rounds>): Verdict {
  const measure = budget.measure === "p99" ? (shot: Measured) => shot.p99Ms : throughput;
  const measures = (rounds.get(budget.against) ?? []).map(measure);
  const ratios = (rounds.get(budget.of) ?? []).map(
    (shot, round) => measure(shot) / (measures[round] ?? Number.NaN),
  );
  const middle = median(ratios);
  const { atLeast = 0, atMost = Infinity } = budget;
  return {
    budget,
    median: middle,
    least: Math.min(...ratios),
    most: Math.max(...ratios),
    met: middle >= atLeast && middle <= atMost,
  };
}
