import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, it } from "vitest";
import { Client, type ClientAnswer } from "../kit/jar.ts";
import { startOrigin, type Origin } from "../kit/origins.ts";
import { headerOf } from "../kit/raw-http.ts";
import { startRouter, type Router } from "../kit/workerd.ts";
import { Admin, adminToken, freshIp, poolOf, secret } from "./scene.ts";

let origins: readonly Origin[];
let router: Router;
let admin: Admin;

beforeAll(async () => {
  origins = await Promise.all(
    ["a", "b", "c"].map((name) =>
      startOrigin({
        name,
        handler: (_, response) => (response.setHeader("x-origin", name), false),
      }),
    ),
  );
  const pool = (name: string, rule: object, sessions: object = {}) =>
    poolOf(origins, { name, match: [`${name}.test/*`], affinity: [rule], sessions });
  const key = { by: "header", name: "X-Key" };
  const small = { max: 20, shards: 1, lease: "0s" };
  router = await startRouter({
    secrets: { AFFINITY_SECRET: secret, ADMIN_TOKEN: adminToken },
    vars: {
      EXPOSE: "status",
      POOLS: [
        pool("header", key),
        pool("query", { by: "query", name: "sid" }),
        pool("path", { by: "path", pattern: "/rooms/:room/*", pin: "map" }),
        pool("matrix", { by: "path", matrix: "jsessionid", pin: "map" }),
        pool("cookie", { by: "app-cookie", name: "SID", learn: "request" }),
        pool("hash", { ...key, pin: "hash" }),
        pool("route", { ...key, pin: "route" }),
        pool("wrapped", { ...key, pin: "embed" }),
        pool("issued-cookie", { by: "app-cookie", name: "SID" }),
        pool("issued-header", { ...key, learn: "response" }),
        pool("small", key, small),
        pool("learning", { by: "app-cookie", name: "SID" }, small),
      ],
    },
  });
  admin = new Admin(router.url);
});

afterAll(async () => {
  await router?.stop();
  await Promise.all((origins ?? []).map((origin) => origin.stop()));
});

/** A request of a stranger who shows this key wherever the pool may look for it. */
function show(pool: string, key: string): Promise<ClientAnswer> {
  const client = new Client(router.url, { ip: freshIp(), headers: { host: `${pool}.test` } });
  switch (pool) {
    case "query":
      return client.get(`/?sid=${key}`);
    case "path":
      return client.get(`/rooms/${key}/x`);
    case "matrix":
      return client.get(`/x;jsessionid=${key}`);
    case "cookie":
    case "issued-cookie":
      return client.get("/", { cookie: `SID=${key}` });
    default:
      return client.get("/", { "x-key": key });
  }
}

const originOf = (answer: ClientAnswer): string | undefined => headerOf(answer, "x-origin");
const outcomeOf = (answer: ClientAnswer): string | undefined =>
  headerOf(answer, "affinity-status")?.split(";")[1]?.trim();
const sessions = (pool: string) => admin.sessions(`&pool=${pool}`);

const emoji = Buffer.from("😀🐚").toString("latin1");
const odd = [
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "null",
  "undefined",
  "0",
  "%00",
  "%0d%0aSet-Cookie:%20x=1",
  "%E0%A4%A",
  "%",
  "%ED%A0%80",
  "%ud800",
  "\\ud800",
  "%F0%9F%98%80",
  "'--",
  "..",
  "$%7Bjndi%7D",
  "k".repeat(16_000),
  `${"k".repeat(15_999)}l`,
];

describe("an odd key", () => {
  for (const pool of ["header", "query", "path", "matrix", "cookie"]) {
    it(`in the ${pool} is one session like any other, and disturbs none`, async ({ expect }) => {
      // A URL parser takes a backslash for a slash, and dots for a step up.
      const inPath = pool === "path" || pool === "matrix";
      const keys = [...odd, emoji].filter((key) => !inPath || !/^\\|^\.\.$/.test(key));
      const bystander = await show(pool, "bystander");
      const first = new Map<string, string | undefined>();
      for (const key of keys) {
        const answer = await show(pool, key);
        expect(answer.status, key.slice(0, 40)).toBe(200);
        expect(outcomeOf(answer), key.slice(0, 40)).toBe("new");
        first.set(key, originOf(answer));
      }
      for (const [key, origin] of first) {
        const answer = await show(pool, key);
        expect(`${outcomeOf(answer)} ${originOf(answer)}`, key.slice(0, 40)).toBe(`hit ${origin}`);
      }
      const after = await show(pool, "bystander");
      expect(`${outcomeOf(after)} ${originOf(after)}`).toBe(`hit ${originOf(bystander)}`);
      expect(await sessions(pool)).toHaveLength(keys.length + 1);
    });
  }

  it("is served and stores nothing where keys are hashed, routed or wrapped", async ({
    expect,
  }) => {
    for (const pool of ["hash", "route", "wrapped"]) {
      for (const key of [...odd, emoji, "\xff\xfe", ".", "~", "a.~.b"]) {
        const answer = await show(pool, key);
        expect(answer.status, key.slice(0, 40)).toBe(200);
        if (pool === "hash") expect(originOf(await show(pool, key))).toBe(originOf(answer));
      }
      expect(await sessions(pool)).toEqual([]);
    }
  });

  it("is no key at all when empty", async ({ expect }) => {
    for (const pool of ["header", "query", "path", "matrix", "cookie"]) {
      const before = await sessions(pool);
      const answer = await show(pool, "");
      expect(answer.status).toBe(200);
      expect(outcomeOf(answer)).not.toBe("hit");
      expect(await sessions(pool)).toHaveLength(before.length);
    }
  });
});

describe("made-up IDs", () => {
  it("leave the map empty under learn = response, 2,000 of them", async ({ expect }) => {
    for (const pool of ["issued-cookie", "issued-header"]) {
      for (let n = 0; n < 1000; n += 50) {
        const batch = Array.from({ length: 50 }, (_, at) => show(pool, `made-up-${n + at}`));
        const statuses = (await Promise.all(batch)).map(({ status }) => status);
        expect(new Set(statuses)).toEqual(new Set([200]));
      }
      await sleep(700);
      expect(await sessions(pool)).toEqual([]);
    }
  });
});

describe("a map at its cap", () => {
  it("drops the least recently seen", async ({ expect }) => {
    const first = await show("small", "k0");
    for (let n = 1; n < 20; n++) await show("small", `k${n}`);
    expect(await sessions("small")).toHaveLength(20);
    await sleep(1100);
    expect(outcomeOf(await show("small", "k0"))).toBe("hit");
    for (let n = 20; n < 30; n++) await show("small", `k${n}`);
    expect(await sessions("small")).toHaveLength(20);
    const kept = await show("small", "k0");
    expect(`${outcomeOf(kept)} ${originOf(kept)}`).toBe(`hit ${originOf(first)}`);
    for (let n = 11; n < 30; n++) {
      expect(outcomeOf(await show("small", `k${n}`)), `k${n}`).toBe("hit");
    }
    expect(outcomeOf(await show("small", "k1"))).toBe("new");
  });

  it("takes 500 more without growing, and without an error", async ({ expect }) => {
    const started = Date.now();
    for (let n = 0; n < 500; n += 50) {
      const batch = Array.from({ length: 50 }, (_, at) => show("small", `flood-${n + at}`));
      const answers = await Promise.all(batch);
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    }
    expect(await sessions("small")).toHaveLength(20);
    expect(Date.now() - started).toBeLessThan(10_000);
  });

  it("holds for learned IDs too", async ({ expect }) => {
    for (let n = 0; n < 30; n++) {
      const client = new Client(router.url, { ip: freshIp(), headers: { host: "learning.test" } });
      await client.get(`/?cookie=SID%3Dlearned-${n}`);
    }
    expect(await sessions("learning")).toHaveLength(20);
  });
});
