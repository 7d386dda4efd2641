import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, platform, release, totalmem } from "node:os";
import { join } from "node:path";
import { workerdVersion } from "../test/kit/workerd.ts";
import type { Options } from "./options.ts";
import { cpuMicros, median, ratioOf, throughput, type Rounds, type Verdict } from "./statistics.ts";
import type { Variant } from "./variants.ts";

/** What one variant gave. */
export interface Outcome {
  readonly variant: Variant;
  readonly rounds: ReadonlyMap<string, Rounds>;
  readonly verdicts: readonly Verdict[];
}

/** The bundle as deployed, compressed. */
export interface BundleSize {
  readonly gzipBytes: number;
  readonly budgetBytes: number;
}

export function renderOutcome({ variant, rounds, verdicts }: Outcome): string {
  const measure = [...rounds.values()][0] ?? [];
  const shots = [...rounds].map(([name, all]) => [
    name,
    Math.round(median(all.map(throughput))).toLocaleString("en"),
    ratioOf(throughput, all, measure).median.toFixed(2),
    known(median(all.map(cpuMicros)), 0),
    known(ratioOf(cpuMicros, all, measure).median, 2),
    median(all.map(({ p50Ms }) => p50Ms)).toFixed(2),
    median(all.map(({ p99Ms }) => p99Ms)).toFixed(2),
    String(all.reduce((sum, { errors }) => sum + errors, 0)),
  ]);
  const budgets = verdicts.map(({ budget, median: middle, least, most, met }) => [
    budget.what,
    middle.toFixed(2),
    `${least.toFixed(2)}–${most.toFixed(2)}`,
    budget.atLeast === undefined ? `≤ ${budget.atMost}` : `≥ ${budget.atLeast}`,
    met ? "met" : "MISSED",
  ]);
  return [
    `\n${variant.title} (${variant.origins} origins, ${variant.traffic.connections} connections)`,
    ...columns([
      ["Worker", "req/s", "×", "CPU µs/req", "×", "p50 ms", "p99 ms", "errors"],
      ...shots,
    ]),
    ...(budgets.length > 0
      ? ["", ...columns([["budget", "ratio", "spread", "limit", ""], ...budgets])]
      : []),
  ].join("\n");
}

function known(value: number, digits: number): string {
  return Number.isNaN(value) ? "–" : value.toFixed(digits);
}

export function renderBundle({ gzipBytes, budgetBytes }: BundleSize): string {
  const kib = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KiB`;
  const verdict = gzipBytes <= budgetBytes ? "met" : "MISSED";
  return `\nWorker bundle, gzip: ${kib(gzipBytes)}, limit ${kib(budgetBytes)}: ${verdict}`;
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, at) =>
    Math.max(...rows.map((row) => (row[at] ?? "").length)),
  );
  return rows.map((row) =>
    `  ${row.map((cell, at) => pad(cell, widths[at] ?? 0, at > 0)).join("  ")}`.trimEnd(),
  );
}

function pad(text: string, width: number, right: boolean): string {
  return right ? text.padStart(width) : text.padEnd(width);
}

/** Writes every round as JSON and returns the file's name. */
export function writeResults(
  options: Options,
  outcomes: readonly Outcome[],
  bundle: BundleSize,
  at: Date,
): string {
  const name = `${at.toISOString().replaceAll(/[:.]/g, "-")}.json`;
  const folder = join(import.meta.dirname, "results");
  const machine = machineHere();
  const variants = outcomes.map(({ variant, rounds, verdicts }) => ({
    name: variant.name,
    rounds: Object.fromEntries(rounds),
    verdicts,
  }));
  const { quick, generator } = options;
  const results = { at: at.toISOString(), quick, generator, machine, bundle, variants };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), `${JSON.stringify(results, null, 2)}\n`);
  return `bench/results/${name}`;
}

export function machineHere() {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryBytes: totalmem(),
    system: `${platform()} ${release()}`,
    node: process.version,
    workerd: workerdVersion,
  };
}
