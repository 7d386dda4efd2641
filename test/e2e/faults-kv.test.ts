import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, test } from "vitest";
import { bundleWorker, readCompatibility } from "../kit/bundle.ts";
import { Client } from "../kit/jar.ts";
import { startOrigin, type Origin } from "../kit/origins.ts";
import { report } from "../kit/tally.ts";
import type { Fault } from "../workers/orders.ts";
import { Crowd, lossesOf, sum } from "./crowd.ts";
import { order } from "./orders.ts";
import { adminToken, freshIp, secret } from "./scene.ts";

let origins: Origin[];
let runtime: Miniflare;
let url: string;

beforeAll(async () => {
  origins = await Promise.all(["a", "b", "c"].map((name) => startOrigin({ name })));
  const { path } = await bundleWorker({ entry: "test/workers/faulty.ts" });
  const options = convertV4MiniflareOptions({
    modules: true,
    script: readFileSync(path, "utf8"),
    compatibilityDate: readCompatibility().date,
    host: "127.0.0.1",
    kvNamespaces: ["SESSIONS_KV"],
    durableObjects: {
      SESSION_MAP: { className: "SessionMap", useSQLite: true },
      POOL_STATE: { className: "PoolState", useSQLite: true },
    },
    bindings: {
      AFFINITY_SECRET: secret,
      ADMIN_TOKEN: adminToken,
      POOLS: [
        {
          name: "default",
          affinity: ["app-cookie:SID"],
          origins: origins.map(({ name, url }) => ({ name, url })),
          sessions: { store: "kv" },
        },
      ],
    },
  });
  runtime = new Miniflare(options);
  url = (await runtime.ready).href.replace(/\/$/, "");
});

afterAll(async () => {
  await runtime.dispose();
  await Promise.all(origins.map((origin) => origin.stop()));
});

const faults: readonly Fault[] = ["throws", "hangs"];

describe("while KV fails", () => {
  test.for(faults)(
    "(it %s) sessions in it are served, and are where they were when it is back",
    async (fault, { expect, task }) => {
      const all = new Crowd(() => new Client(url, { ip: freshIp() }));
      const before = await order(url, {});
      const login = (n: number) => `/login?cookie=SID%3D${fault}-${n}`;
      const met = [await all.join(8, login, "/")];
      await order(url, { kv: fault });
      met.push(await all.join(8, login, "/"), await all.visit());
      const injected = (await order(url, { kv: "none" })) - before;
      await sleep(fault === "hangs" ? 2_500 : 1_500);
      await order(url, { newIsolate: true });
      met.push(await all.visit());
      const total = sum(met);
      report(task, lossesOf(total, injected));
      expect(injected).toBeGreaterThan(5);
      expect(total).toMatchObject({ failed: 0, away: 0 });
    },
  );
});
