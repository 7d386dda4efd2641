// Beyond one machine: load, cost, balance and staleness computed from the router's constants and its
// own balancing functions. Deterministic. `node bench/simulate.ts --write` renews the docs.
import { barChart, lineChart } from "./chart.ts";
import { table, writeFigure, writeSection, type Row } from "./document.ts";
import { hashMoves, placesOf, policies, spread } from "./simulation/balance.ts";
import {
  cpuMsPerRequest,
  flowOf,
  kvCost,
  limpetCost,
  perRequestCost,
  prices,
  rows,
  type Cost,
  type Scenario,
} from "./simulation/load.ts";
import { viewAges } from "./simulation/staleness.ts";

const big: Scenario = {
  name: "10 million sessions",
  newPerSecond: 10_000_000 / 2_100,
  activeSeconds: 300,
  secondsPerRequest: 3,
  isolates: 2_000,
  shards: 16,
  leaseSeconds: 60,
  idleSeconds: 1_800,
};

const whole = (value: number): string => Math.round(value).toLocaleString("en");
const dollars = (value: number): string => `$${value.toFixed(value < 0.01 ? 4 : 2)}`;
const per = (price: number): string => `$${Number((price * 1e6).toPrecision(3))} per million`;

function assumptions(): string {
  return table([
    ["assumption", "value"],
    ["sessions in the map; points of presence; isolates", "10,000,000; 300; 2,000"],
    ["a session", "300 s with a request every 3 s, then forgotten after 30 minutes"],
    ["settings", '`lease = "60s"`, 16 shards, `record = "first"`'],
    ["a client", "asks one isolate; renewals of an isolate fill a window as random arrivals do"],
    ["one object serves", "1,000 calls a second (the platform's soft limit)"],
    ["CPU time of a request", `${cpuMsPerRequest} ms, whatever the design`],
    ["Workers: requests; CPU ms", `${per(prices.workerRequests)}; ${per(prices.workerCpuMs)}`],
    [
      "Durable Objects: requests; GB-s",
      `${per(prices.objectRequests)}; ${per(prices.objectGbSeconds)}, 128 MB each, awake all the time`,
    ],
    ["SQLite rows read; written", `${per(prices.rowsRead)}; ${per(prices.rowsWritten)}`],
    ["KV reads; writes", `${per(prices.kvReads)}; ${per(prices.kvWrites)}`],
    [
      "rows written for a new session; a renewal; an end",
      `${rows.insert}; ${rows.renewal}; ${rows.deletion} (as \`rowsWritten\` counts them, indexes included)`,
    ],
  ]);
}

function load(): string {
  const lines: Row[] = [
    ["sessions", "shards", "requests/s", "calls/s per shard", "calls per 1,000 requests"],
  ];
  for (const sessions of [1, 10, 30]) {
    for (const shards of [16, 64]) {
      const flow = flowOf({ ...big, newPerSecond: (sessions * 1e6) / 2_100, shards });
      lines.push([
        `${sessions} M`,
        shards,
        whole(flow.requestsPerSecond),
        whole(flow.callsPerShard),
        flow.callsPerThousand.toFixed(1),
      ]);
    }
  }
  const views = [500, 2_000, 5_000].map((isolates) => [whole(isolates), whole((2 * isolates) / 5)]);
  const million = [0.1, 0.3, 1, 3, 10, 30];
  const chart = lineChart(
    "Calls per second to one shard (limit: 1,000)",
    { x: "live sessions", y: "calls/s" },
    [16, 64, 256].map((shards) => ({
      label: `${shards} shards`,
      points: million.map((m) => {
        const flow = flowOf({ ...big, newPerSecond: (m * 1e6) / 2_100, shards });
        return [m * 1e6, flow.callsPerShard] as const;
      }),
    })),
  );
  return [
    table(lines),
    writeFigure("shard-load", "Calls per second to one shard, by live sessions and shards", chart),
    "Every 5 s an isolate with traffic reads its view from the pool's control object and reports what it counted:",
    table([["isolates", "calls/s to the control object"], ...views]),
  ].join("\n\n");
}

function cost(): string {
  const line = (name: string, { worker, objects, rows, duration, total }: Cost): Row => [
    name,
    ...[worker, objects, rows, duration, total].map(dollars),
  ];
  const small = { ...big, newPerSecond: 1, isolates: 20 };
  const designs = [
    ["Limpet", limpetCost(big)],
    ['Limpet, `lease = "5m"`', limpetCost({ ...big, leaseSeconds: 300 })],
    ['Limpet, `store = "kv"`, written once', kvCost(big)],
    ["one object read per request", perRequestCost(big, false)],
    ["one object read and write per request", perRequestCost(big, true)],
  ] as const;
  const chart = barChart(
    "Cost of a million requests, US dollars",
    designs.map(([label, { total }]) => ({
      label: label.replaceAll("`", ""),
      value: total,
      text: dollars(total),
    })),
  );
  return [
    table([
      ["design, 10 million sessions", "Worker", "object requests", "rows or KV", "duration", "all"],
      ...designs.map(([name, one]) => line(name, one)),
    ]),
    writeFigure("cost", "Cost of a million requests by design", chart),
    "A small site (one new session a second, 100 requests/s, 20 isolates):",
    table([
      ["design", "Worker", "object requests", "rows or KV", "duration", "all"],
      line("Limpet", limpetCost(small)),
      line("Limpet, one shard", limpetCost({ ...small, shards: 1 })),
      line("one object read and write per request", perRequestCost(small, true)),
    ]),
  ].join("\n\n");
}

function balance(): string {
  const sessions = 100_000;
  const lines: Row[] = [["policy", ...[3, 10, 100].map((n) => `${n} origins: max, min / mean`)]];
  for (const policy of policies) {
    const cells = [3, 10, 100].map((count) => {
      const runs = [1, 2, 3, 4, 5].map((seed) => {
        const loads = [...spread(policy, placesOf(count), sessions, seed).values()];
        const mean = sessions / count;
        return [Math.max(...loads) / mean, Math.min(...loads) / mean] as const;
      });
      const most = Math.max(...runs.map(([max]) => max));
      const least = Math.min(...runs.map(([, min]) => min));
      return `${most.toFixed(3)}, ${least.toFixed(3)}`;
    });
    lines.push([policy, ...cells]);
  }
  const moves: Row[] = [["pins", "origins", "1 goes: sessions moved", "1 comes: sessions moved"]];
  for (const count of [3, 10, 100]) {
    const { goes, comes } = hashMoves(count, 50_000);
    const share = (value: number): string => `${(value * 100).toFixed(1)} %`;
    moves.push(["`cookie`, `map`", count, `${share(1 / count)}: its own`, "none"]);
    moves.push(["`hash`", count, share(goes), share(comes)]);
  }
  return [
    `${whole(sessions)} sessions begin in 50 isolates, 1,000 a second; counts are 5 s old. The worst of 5 runs:`,
    table(lines),
    "Every policy but `pin = hash` only places new sessions; what is pinned stays:",
    table(moves),
  ].join("\n\n");
}

function staleness(): string {
  const lines = [0.02, 0.1, 1, 10, 100, 1_000].map((rate): Row => {
    const { p50, p99, most } = viewAges(rate, 200_000, 1);
    return [rate, ...[p50, p99, most].map((age) => `${age.toFixed(1)} s`)];
  });
  return [
    "How old the view is that a request is served by, so how late it may hear of an operator's word:",
    table([["requests/s of an isolate", "half", "99 %", "all"], ...lines]),
  ].join("\n\n");
}

const content = [
  assumptions(),
  "### Load on the objects",
  load(),
  "### Cost",
  cost(),
  "### Balance and disruption",
  balance(),
  "### Staleness of what operators do",
  staleness(),
].join("\n\n");

if (process.argv.includes("--write")) writeSection("simulation", content);
else process.stdout.write(`${content}\n`);
