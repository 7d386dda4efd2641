import { barChart } from "./chart.ts";
import { table, writeFigure, type Row } from "./document.ts";
import type { Options } from "./options.ts";
import { machineHere, type BundleSize, type Outcome } from "./report.ts";
import { cpuMicros, median, ratioOf, throughput, type Shot } from "./statistics.ts";

/** The measured part of docs/performance.md. */
export function renderPage(
  { quick, generator }: Options,
  outcomes: readonly Outcome[],
  bundle: BundleSize,
  at: Date,
): string {
  const { cpu, cores, system, workerd } = machineHere();
  const how =
    `Measured on ${at.toISOString().slice(0, 10)} with workerd ${workerd} on ${cores} × ${cpu}, ` +
    `${system}; load by ${generator}${quick ? ", a quick run" : ""}. ` +
    "Ratios are to the first of each table, and median over the rounds.";
  const budgets: Row[] = [["budget", "limit", "measured", "spread", ""]];
  for (const { verdicts } of outcomes) {
    for (const { budget, median: middle, least, most, met } of verdicts) {
      const limit = budget.atLeast === undefined ? `≤ ${budget.atMost} ×` : `≥ ${budget.atLeast} ×`;
      const spread = `${least.toFixed(2)}–${most.toFixed(2)}`;
      budgets.push([budget.what, limit, middle.toFixed(2), spread, met ? "met" : "**missed**"]);
    }
  }
  const kib = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KiB`;
  const size = bundle.gzipBytes <= bundle.budgetBytes ? "met" : "**missed**";
  budgets.push(["Worker bundle, gzip", kib(bundle.budgetBytes), kib(bundle.gzipBytes), "", size]);
  return [how, table(budgets), ...outcomes.map(renderVariant)].join("\n\n");
}

function renderVariant({ variant, rounds }: Outcome): string {
  const measure = [...rounds.values()][0] ?? [];
  const ratio = (of: (shot: Shot) => number, all: readonly Shot[]): string =>
    show(ratioOf(of, all, measure).median, 2);
  const rows = [...rounds].map(([name, all]): Row => [
    name,
    show(median(all.map(throughput)), 0),
    ratio(throughput, all),
    show(median(all.map(cpuMicros)), 0),
    ratio(cpuMicros, all),
    show(median(all.map(({ p50Ms }) => p50Ms)), 2),
    show(median(all.map(({ p99Ms }) => p99Ms)), 2),
  ]);
  const title = `${variant.title[0]?.toUpperCase()}${variant.title.slice(1)}`;
  const chart = barChart(
    `${title}: CPU time per request, µs`,
    [...rounds].map(([label, all]) => {
      const value = median(all.map(cpuMicros));
      return { label, value: Number.isNaN(value) ? 0 : value, text: show(value, 0) };
    }),
  );
  return [
    `### ${title}`,
    `${measure.length} rounds of ${Math.round(measure[0]?.seconds ?? 0)} s, ${variant.traffic.connections} connections.`,
    table([["", "req/s", "×", "CPU µs/req", "×", "p50 ms", "p99 ms"], ...rows]),
    writeFigure(`requests-${variant.name}`, `${title}, CPU time per request`, chart),
  ].join("\n\n");
}

function show(value: number, digits: number): string {
  if (Number.isNaN(value)) return "–";
  return value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}
