/** A strict reader of the Prometheus text format 0.0.4, as far as counters, gauges and histograms go. */

export interface Metric {
  readonly type: string;
  readonly help: string;
  /** By name and labels, exactly as they stand there. */
  readonly samples: Sample[];
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"/y;

/** Throws at the first line that is not valid, or not where it belongs. */
export function parseExposition(text: string): Map<string, Metric> {
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  const metrics = new Map<string, Metric>();
  const seen = new Set<string>();
  let current = "";
  let help: string | null = null;
  for (const line of text.slice(0, -1).split("\n")) {
    const told = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.+)$/.exec(line);
    if (told !== null) {
      const [, what, name = "", rest = ""] = told;
      if (what === "HELP") {
        if (metrics.has(name) || help !== null) throw new Error(`HELP out of place: ${line}`);
        help = rest;
        current = name;
        continue;
      }
      if (help === null || name !== current) throw new Error(`TYPE out of place: ${line}`);
      if (!["counter", "gauge", "histogram"].includes(rest)) throw new Error(`no type: ${line}`);
      metrics.set(name, { type: rest, help, samples: [] });
      help = null;
      continue;
    }
    const sample = parseSample(line);
    const metric = metrics.get(current);
    const family =
      metric?.type === "histogram" ? sample.name.replace(/_(bucket|sum|count)$/, "") : sample.name;
    if (metric === undefined || family !== current) throw new Error(`belongs nowhere: ${line}`);
    const key = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).toSorted())}`;
    if (seen.has(key)) throw new Error(`twice: ${line}`);
    seen.add(key);
    metric.samples.push(sample);
  }
  return metrics;
}

function parseSample(line: string): Sample {
  const name = /^[a-zA-Z_:][\w:]*/.exec(line)?.[0];
  if (name === undefined) throw new Error(`no name: ${line}`);
  const labels: Record<string, string> = Object.create(null) as Record<string, string>;
  let at = name.length;
  if (line[at] === "{") {
    do {
      LABEL.lastIndex = at + 1;
      const found = LABEL.exec(line);
      if (found === null) throw new Error(`no label at ${at + 1}: ${line}`);
      const [whole, label = "", value = ""] = found;
      if (label in labels) throw new Error(`label twice: ${line}`);
      labels[label] = value.replace(/\\(.)/g, (_, char: string) => (char === "n" ? "\n" : char));
      at += 1 + whole.length;
    } while (line[at] === ",");
    if (line[at] !== "}") throw new Error(`labels do not end: ${line}`);
    at += 1;
  }
  const value = /^ ([-+]?(?:\d+(?:\.\d+)?(?:e[-+]?\d+)?|Inf)|NaN)$/.exec(line.slice(at))?.[1];
  if (value === undefined) throw new Error(`no value: ${line}`);
  return { name, labels, value: Number(value.replace("Inf", "Infinity")) };
}

/** The sum of the samples that have these labels. */
export function valueOf(
  metrics: ReadonlyMap<string, Metric>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const family = metrics.has(name) ? name : name.replace(/_(bucket|sum|count)$/, "");
  const samples = (metrics.get(family)?.samples ?? []).filter(
    (one) =>
      one.name === name && Object.entries(labels).every(([key, text]) => one.labels[key] === text),
  );
  return samples.reduce((sum, { value }) => sum + value, 0);
}
