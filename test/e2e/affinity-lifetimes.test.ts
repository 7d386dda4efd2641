import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, it } from "vitest";
import { Client, type ClientAnswer } from "../kit/jar.ts";
import { startOrigin, type Origin } from "../kit/origins.ts";
import { headerOf } from "../kit/raw-http.ts";
import { startRouter, type Router } from "../kit/workerd.ts";
import { Admin, adminToken, freshIp, poolOf, secret } from "./scene.ts";

const storage = mkdtempSync(join(tmpdir(), "limpet-lifetimes-"));
let origins: readonly Origin[];
let router: Router;
let admin: Admin;

const brief = { idle: "2s", ttl: "1h", lease: "1s" };
const ending = { idle: "2s", ttl: "3s", lease: "1s" };
const rules = {
  cookie: { by: "cookie", cookie: { lifetime: "permanent" } },
  companion: { by: "app-cookie", name: "SID", pin: "cookie" },
  app: { by: "app-cookie", name: "SID" },
  header: { by: "header", name: "X-Key" },
  query: { by: "query", name: "sid" },
  ip: { by: "ip" },
  wrapped: { by: "app-cookie", name: "SID", pin: "embed" },
};

beforeAll(async () => {
  origins = await Promise.all(
    ["a", "b", "c"].map((name) =>
      startOrigin({
        name,
        handler: (_, response) => (response.setHeader("x-origin", name), false),
      }),
    ),
  );
  const pool = (name: string, rule: object, sessions: object) =>
    poolOf(origins, { name, match: [`${name}.test/*`], affinity: [rule], sessions });
  router = await startRouter({
    storage,
    secrets: { AFFINITY_SECRET: secret, ADMIN_TOKEN: adminToken },
    vars: {
      EXPOSE: "status",
      POOLS: Object.entries(rules).flatMap(([name, rule]) => [
        pool(`idle-${name}`, rule, brief),
        pool(`end-${name}`, rule, ending),
        pool(`slow-${name}`, rule, { idle: "4s", ttl: "1h", lease: "2s" }),
        pool(`ask-${name}`, rule, { ...brief, lease: "0s" }),
        pool(`used-${name}`, rule, { idle: "4s", ttl: "1h", lease: "0s" }),
      ]),
    },
  });
  admin = new Admin(router.url);
});

afterAll(async () => {
  await router?.stop();
  await Promise.all((origins ?? []).map((origin) => origin.stop()));
  rmSync(storage, { recursive: true, force: true });
});

let keys = 0;

/**
 * A session of its own in a pool: a client that keeps every cookie, whatever its Max-Age says, and
 * shows every kind of key. The app sets its cookie with the first answer only.
 */
function stubborn(pool: string): () => Promise<ClientAnswer> {
  keys += 1;
  const client = new Client(router.url, {
    ip: freshIp(),
    ignoreExpiry: true,
    headers: { host: `${pool}.test`, "x-key": `key ${keys}` },
  });
  let path = `/?sid=${keys}&cookie=${encodeURIComponent(`SID=${keys}; Path=/; Max-Age=1`)}`;
  return () => {
    const now = path;
    path = path.replace(/&.*/, "");
    return client.get(now);
  };
}

const originOf = (answer: ClientAnswer): string | undefined => headerOf(answer, "x-origin");
const outcomeOf = (answer: ClientAnswer): string | undefined =>
  headerOf(answer, "affinity-status")?.split(";")[1]?.trim();

/** Rows that any table of the session map still holds on disk. */
function rowsOnDisk(): number {
  const folder = join(storage, "SessionMap");
  const files = readdirSync(folder).filter((file) => file.endsWith(".sqlite"));
  return files
    .map((file) => {
      const database = new DatabaseSync(join(folder, file), { readOnly: true, timeout: 5_000 });
      const table = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'sessions'").get();
      const count = table && database.prepare("SELECT COUNT(*) AS n FROM sessions").get();
      database.close();
      return Number(count?.["n"] ?? 0);
    })
    .reduce((sum, n) => sum + n, 0);
}

const kinds = Object.keys(rules);

describe.concurrent("a session's end, whatever keeps its pin", () => {
  it("comes when it was idle too long", async ({ expect }) => {
    const pools = kinds.flatMap((kind) => [`idle-${kind}`, `ask-${kind}`]);
    const check = async (pool: string): Promise<void> => {
      const visit = stubborn(pool);
      await visit();
      expect(outcomeOf(await visit()), pool).toBe("hit");
      await sleep(2600);
      expect(outcomeOf(await visit()), pool).not.toBe("hit");
    };
    await Promise.all(pools.map(check));
  });

  it("is put off by use, without a new Set-Cookie of the app", async ({ expect }) => {
    const pools = kinds.flatMap((kind) => [`slow-${kind}`, `used-${kind}`]);
    const check = async (pool: string): Promise<void> => {
      const visit = stubborn(pool);
      const origin = originOf(await visit());
      // Use within a lease need not be noticed: pauses stay well below idle less lease.
      for (let n = 0; n < 9; n++) {
        await sleep(550);
        const answer = await visit();
        expect(`${outcomeOf(answer)} ${originOf(answer)}`, pool).toBe(`hit ${origin}`);
      }
    };
    await Promise.all(pools.map(check));
  });

  it("does not come before the idle time is over since the last use", async ({ expect }) => {
    const check = async (kind: string): Promise<void> => {
      const visit = stubborn(`slow-${kind}`);
      const origin = originOf(await visit());
      for (const pauseMs of [1800, 1800, 3300]) {
        await sleep(pauseMs);
        const answer = await visit();
        const told = `${pauseMs} ms: ${outcomeOf(answer)} ${originOf(answer)}`;
        expect(told, kind).toBe(`${pauseMs} ms: hit ${origin}`);
      }
    };
    await Promise.all(kinds.map(check));
  });

  it("comes at its absolute end though it is in use", async ({ expect }) => {
    const check = async (kind: string): Promise<void> => {
      const visit = stubborn(`end-${kind}`);
      const start = Date.now();
      await visit();
      const begun = Date.now();
      const outcomes: [number, string | undefined][] = [];
      while (Date.now() - begun < 3500) {
        await sleep(400);
        outcomes.push([Date.now() - start, outcomeOf(await visit())]);
      }
      const early = outcomes.filter(([at]) => at < 2900).map(([, outcome]) => outcome);
      expect(new Set(early), kind).toEqual(new Set(["hit"]));
      // Its next session begins with something else than a hit.
      expect(
        outcomes.some(([, outcome]) => outcome !== "hit"),
        kind,
      ).toBe(true);
    };
    await Promise.all(kinds.map(check));
  });

  it("gives a client that keeps an old cookie another session, not the old one's time", async ({
    expect,
  }) => {
    const client = new Client(router.url, { ip: freshIp(), headers: { host: "end-cookie.test" } });
    const [old] = (await client.get("/")).setCookies;
    await sleep(3300);
    const late = await client.get("/", { cookie: old?.split(";")[0] ?? "" });
    expect(outcomeOf(late)).toBe("expired");
    expect(late.setCookies[0]).toMatch(/; Max-Age=3(;|$)/);
    expect(late.setCookies[0]).not.toBe(old);
  });
});

describe("expired sessions", () => {
  it("leave the map without anyone asking: 600 sessions of 2 s are gone after 6 s", async ({
    expect,
  }) => {
    const before = rowsOnDisk();
    for (let n = 0; n < 600; n += 60) {
      await Promise.all(
        Array.from({ length: 60 }, (_, at) =>
          new Client(router.url, {
            ip: freshIp(),
            headers: { host: "idle-header.test", "x-key": `many ${n + at}` },
          }).get("/"),
        ),
      );
    }
    const start = Date.now();
    expect(await admin.sessions("&pool=idle-header")).not.toHaveLength(0);
    expect(rowsOnDisk() - before).toBeGreaterThan(300);
    await sleep(start + 6000 - Date.now());
    expect(rowsOnDisk()).toBe(0);
    expect(await admin.sessions()).toEqual([]);
  });
});
