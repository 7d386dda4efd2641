// A million live sessions in one pool on this machine: `node bench/scale.ts --write`; `--sessions <n>`
// loads fewer.
import { readdirSync, statSync } from "node:fs";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { startRouter, workerdVersion } from "../test/kit/workerd.ts";
import { startOrigins } from "./contenders.ts";
import { table, writeSection, type Row } from "./document.ts";
import { applyLoad, findGenerator } from "./load.ts";
import { Inspector } from "./profile.ts";
import { freePort } from "./rivals.ts";
import { median } from "./statistics.ts";

process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));

const { values } = parseArgs({
  options: {
    sessions: { type: "string", default: "1000000" },
    write: { type: "boolean", default: false },
  },
});
const sessions = Number(values.sessions);
const shards = 16;
const pool = "default";
const tokens = { AFFINITY_SECRET: "bench".padEnd(64, "-"), ADMIN_TOKEN: "bench".padEnd(32, "-") };
const admin = { authorization: `Bearer ${tokens.ADMIN_TOKEN}` };
const limits = { idleMs: 3_600_000, ttlMs: 82_800_000, cap: 2_000_000 };
const everything = { origin: null, by: null };

const folder = mkdtempSync(join(tmpdir(), "limpet-scale-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
const origins = await startOrigins(3);
const inspectorPort = await freePort();
const router = await startRouter({
  entry: "bench/workers/scale.ts",
  minify: true,
  storage: folder,
  inspectorPort,
  secrets: tokens,
  vars: {
    POOLS: [
      {
        name: pool,
        balance: "least-sessions",
        origins: origins.urls.map((url, at) => ({ name: `app-${at + 1}`, url })),
        sessions: { idle: "60m", max: shards * limits.cap },
      },
    ],
  },
});

async function ask<T>(shard: number, method: string, ...args: unknown[]): Promise<T> {
  const url = `${router.url}/bench-door/${pool}/${shard}/${method}`;
  const answer = await fetch(url, { method: "POST", body: JSON.stringify(args) });
  if (!answer.ok) throw new Error(`${method}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

async function api<T>(path: string): Promise<T> {
  const answer = await fetch(`${router.url}/__limpet/api/${path}`, { headers: admin });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

const lines: Row[] = [["what", "half", "99 %", "longest", "budget"]];

/** Does it so many times, one after another; milliseconds, the way to the Worker included. */
async function measure(
  what: string,
  times: number,
  work: (at: number) => Promise<unknown>,
  budget = "",
): Promise<void> {
  const took: number[] = [];
  for (let at = 0; at < times; at += 1) {
    const begun = performance.now();
    await work(at);
    took.push(performance.now() - begun);
  }
  note(what, took, budget);
}

function note(what: string, took: readonly number[], budget = ""): void {
  const sorted = [...took].sort((a, b) => a - b);
  const late = sorted[Math.floor(0.99 * (sorted.length - 1))] ?? Number.NaN;
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  lines.push([what, ms(median(sorted)), ms(late), ms(sorted.at(-1) ?? Number.NaN), budget]);
  process.stderr.write(`${what}: ${ms(median(sorted))}\n`);
}

const facts: Row[] = [["what", "measured", "budget"]];
const fact = (what: string, measured: string, budget = ""): void => {
  facts.push([what, measured, budget]);
  process.stderr.write(`${what}: ${measured}\n`);
};

const begun = performance.now();
const perShard = Math.ceil(sessions / shards);
for (let done = 0; done < perShard; done += 10_000) {
  const count = Math.min(10_000, perShard - done);
  for (let shard = 0; shard < shards; shard += 1) await ask(shard, "fill", { count, limits });
  process.stderr.write(`loaded ${Math.min(sessions, (done + count) * shards)}\n`);
}
const loadSeconds = (performance.now() - begun) / 1_000;
fact("sessions loaded, a second", Math.round(sessions / loadSeconds).toLocaleString("en"));

const diskBytes = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .map((name) => statSync(join(folder, name)))
  .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0);
fact("disk per session", `${Math.round(diskBytes / sessions)} bytes`);

const id = (at: number): string => `bench${at}`.padEnd(22, "x");
const proposal = { origin: "app-1", generation: 1, created: null, carried: false };
const asking = (at: number) => [{ id: id(at), by: "cookie", proposal }];
await measure("assign a new session", 200, (at) => ask(at % shards, "assign", asking(at), limits));
await sleep(1_100);
await measure("renew a session", 200, (at) => ask(at % shards, "assign", asking(at), limits));
await measure("counts of a shard", 64, (at) => ask(at % shards, "counts"), "");

interface Listed {
  readonly cursor: string | null;
}
await measure("list, first page of 100", 50, () => api("sessions?limit=100"), "< 100 ms");
let cursor = "";
const pages = Math.min(5_000, Math.floor(sessions / 100) - 1);
const middle = { took: [] as number[] };
for (let page = 0; page < pages; page += 1) {
  const at = performance.now();
  const found: Listed = await api(`sessions?limit=100${cursor && `&cursor=${cursor}`}`);
  middle.took.push(performance.now() - at);
  cursor = encodeURIComponent(found.cursor ?? "");
}
note(`list, pages 2 to ${pages} of 100`, middle.took.slice(1), "< 100 ms");
await measure("list, page after those", 50, () => api(`sessions?limit=100&cursor=${cursor}`));
const rare = "sessions?limit=100&origin=app-9";
await measure("list, an origin with 1 in 10,000", 50, () => api(rare), "< 100 ms");
await measure(
  "list, a rule with 1 in 10,000",
  50,
  () => api("sessions?limit=100&by=ip"),
  "< 100 ms",
);
await measure("GET /api/pools", 50, () => api("pools"));

// One shard works by shorter settings from now on: all its rows have ended.
const ended = { ...limits, idleMs: 1_000 };
await sleep(1_000);
await ask(0, "assign", [], ended);
const waits: number[] = [];
const sweepBegun = performance.now();
for (let left = 1; left > 0 && performance.now() - sweepBegun < 60_000;) {
  const at = performance.now();
  await ask(0, "find", id(0));
  waits.push(performance.now() - at);
  if (waits.length % 50 === 0) {
    const stats = await ask<unknown[]>(0, "list", { after: "", filter: everything, most: 1 });
    left = performance.now() - sweepBegun < 5_000 ? 1 : stats.length;
  }
  await sleep(2);
}
note("a question to a shard whose rows all end at once", waits, "< 50 ms");

const visitors = {
  url: router.url,
  connections: 64,
  method: "GET",
  path: "/",
  bodyBytes: 0,
  isFirstVisit: true,
  isWebSocket: false,
  headers: [{ "cf-connecting-ip": "{ip}", "user-agent": "bench/{n}" }],
};
let distinct = 0;
const most = Math.min(sessions, 1_000_000);
for (let turn = 0; distinct < most && turn < 24; turn += 1) {
  const shot = await applyLoad(findGenerator(), {
    ...visitors,
    seconds: 10,
    firstNumber: distinct,
  });
  distinct += shot.requests;
}
await sleep(2_000);
const inspector = await Inspector.connect(inspectorPort);
// The least of many moments with some traffic: what is live, and a little garbage.
let heap = Infinity;
for (let at = 0; at < 500; at += 1) {
  await fetch(router.url);
  heap = Math.min(heap, await inspector.heapBytes());
}
inspector.close();
const count = distinct.toLocaleString("en");
fact(
  `heap after ${count} sessions through one isolate`,
  `${(heap / 2 ** 20).toFixed(1)} MiB`,
  "< 64 MiB",
);

const day = new Date().toISOString().slice(0, 10);
const content = [
  `${sessions.toLocaleString("en")} sessions, ${day}, workerd ${workerdVersion}.`,
  table(facts),
  table(lines),
].join("\n\n");
if (values.write) writeSection("scale", content);
else process.stdout.write(`${content}\n`);
await router.stop();
origins.stop();
