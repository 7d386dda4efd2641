import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";

import { durableStore } from "../../../src/sessions/durable-store.ts";
import { makePool } from "../fixtures.ts";
import { idOf, proposing, START } from "../sessions/fixtures.ts";
import { makeScene, type Asking } from "./scene.ts";

/** What a client that makes up session IDs can do to the map. */

const MADE_UP = 300;

/** Every rule that waits for an origin's word, or keeps nothing in the map, and a request that shows it an ID. */
const UNBELIEVED: readonly (readonly [string, object, (id: string) => Asking])[] = [
  [
    "an app cookie",
    { by: "app-cookie", name: "SID" },
    (id) => ({ headers: { cookie: `SID=${id}` } }),
  ],
  [
    "a header that origins issue",
    { by: "header", name: "X-Key", learn: "response" },
    (id) => ({ headers: { "x-key": id } }),
  ],
  [
    "a companion cookie",
    { by: "app-cookie", name: "SID", pin: "cookie" },
    (id) => ({ headers: { cookie: `SID=${id}; affinity-SID=${id}` } }),
  ],
  [
    "an envelope in a cookie",
    { by: "app-cookie", name: "SID", pin: "embed" },
    (id) => ({ headers: { cookie: `SID=${id.padEnd(99, "A")}~x` } }),
  ],
  [
    "an envelope in a header",
    { by: "header", name: "X-Key", pin: "embed" },
    (id) => ({ headers: { "x-key": `${id.padEnd(99, "A")}~x` } }),
  ],
  [
    "a route",
    { by: "header", name: "X-Key", pin: "route" },
    (id) => ({ headers: { "x-key": `${id}.app-1` } }),
  ],
  [
    "a hash",
    { by: "query", name: "sid", pin: "hash" },
    (id) => ({ url: `https://shop.example.com/?sid=${id}` }),
  ],
  [
    "a path's hash",
    { by: "path", pattern: "/:room" },
    (id) => ({ url: `https://shop.example.com/${id}` }),
  ],
];

describe("made-up IDs that learning does not believe", () => {
  it.for(UNBELIEVED)("in %s store nothing", async ([, rule, asking], { expect }) => {
    const scene = await makeScene({ affinity: [rule] });
    for (let at = 0; at < MADE_UP; at += 1) await scene.client().get(asking(`made-up-${at}`));
    expect(scene.rows()).toEqual([]);
    expect(scene.store.calls.filter((call) => call === "move")).toEqual([]);
  });

  it("on skipped paths store nothing either, believed or not", async ({ expect }) => {
    const scene = await makeScene({ affinity: ["query:sid", "header:X-Key", "ip", "cookie"] });
    for (let at = 0; at < MADE_UP; at += 1) {
      const url = `https://shop.example.com/?sid=made-up-${at}`;
      const headers = { "x-key": `made-up-${at}`, cookie: `affinity=made-up-${at}` };
      await scene
        .client()
        .get({ url, headers, ip: `10.0.${at >> 8}.${at & 255}`, isSkipped: true });
    }
    expect(scene.rows()).toEqual([]);
  });
});

describe("IDs that are believed", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it("fill the map up to its bound, and sessions in use stay", async ({ expect }) => {
    vi.useFakeTimers({ toFake: ["Date"], now: START });
    const sessions = { max: 80, shards: 4, idle: "1h" };
    const pool = makePool({ name: "flooded", sessions });
    const store = durableStore(pool, env.SESSION_MAP as unknown as DurableObjectNamespace);
    // Objects take their time to start, which is none of the cap's business.
    const started = Array.from({ length: sessions.shards }, (_, shard) =>
      env.SESSION_MAP.getByName(`flooded/${shard}`).find(idOf(0)),
    );
    await Promise.all(started);
    const ask = (id: string) => store.assign([id], "query", proposing("app-1"), () => undefined);
    const spread = (number: number) => idOf(number).split("").reverse().join("");
    const inUse = [0, 1, 2, 3, 4].map((number) => spread(number * 1_234_567 + 77));
    for (const id of inUse) await ask(id);
    for (let wave = 0; wave < 20; wave += 1) {
      vi.setSystemTime(Date.now() + 2_000);
      const made = Array.from({ length: 30 }, (_, at) => spread((wave * 30 + at) * 7_919 + 1));
      await Promise.all(made.map(ask));
      vi.setSystemTime(Date.now() + 2_000);
      // Whoever comes back is seen again.
      for (const id of inUse) expect(await ask(id)).toMatchObject({ fresh: false });
    }
    const counts = [...(await store.counts()).values()].reduce((sum, count) => sum + count, 0);
    expect(counts).toBe(80);
    for (const id of inUse) expect(await store.find(id)).not.toBeNull();
  });
});
