import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, test } from "vitest";
import type { OriginAnswer } from "../kit/origin-routes.ts";
import { headerOf } from "../kit/raw-http.ts";
import { startScene, type Scene, type SceneOptions } from "./scene.ts";

const home = (answer: { json<T>(): T }) => answer.json<OriginAnswer>().origin;

async function withScene(options: SceneOptions, use: (scene: Scene) => Promise<void>) {
  const scene = await startScene(options);
  try {
    await use(scene);
  } finally {
    await scene.stop();
  }
}

const exposed = { EXPOSE: "status" };

/** How many rows with an expiry all SQLite files of a folder hold. */
function storedRows(folder: string): number {
  let rows = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.name.endsWith(".sqlite") || !entry.parentPath.endsWith("SessionMap")) continue;
    const database = new DatabaseSync(join(entry.parentPath, entry.name));
    const tables = database
      .prepare(
        `SELECT DISTINCT m.name AS name FROM sqlite_master m, pragma_table_info(m.name) c
         WHERE m.type = 'table' AND c.name LIKE '%expires%'`,
      )
      .all();
    for (const { name } of tables) {
      rows += Number(database.prepare(`SELECT count(*) AS n FROM "${String(name)}"`).get()?.["n"]);
    }
    database.close();
  }
  return rows;
}

describe("the time that a session may stay unused", () => {
  test("counts from its last request, also from one within a lease", async ({ expect }) => {
    const pool = { sessions: { idle: "2s", ttl: "1m", lease: "1s" } };
    await withScene({ pool, vars: exposed }, async (scene) => {
      const client = scene.client();
      const began = Date.now();
      const at = (ms: number) => sleep(began + ms - Date.now());
      const first = home(await client.get("/"));
      await at(900);
      await client.get("/");
      // 1.5 s unused: less than the idle time.
      await at(2400);
      const answer = await client.get("/");
      expect([home(answer), headerOf(answer, "affinity-status")?.split("; ")[1]]).toEqual([
        first,
        "hit",
      ]);
    });
  });

  test("with no lease at all is kept by the map, the cookie is renewed at half time", async ({
    expect,
  }) => {
    const pool = { sessions: { idle: "2s", ttl: "1m", lease: "0s" } };
    await withScene({ pool, vars: exposed }, async (scene) => {
      const client = scene.client();
      const first = home(await client.get("/"));
      let renewals = 0;
      const began = Date.now();
      while (Date.now() - began < 2800) {
        await sleep(350);
        const answer = await client.get("/");
        expect([home(answer), headerOf(answer, "affinity-status")?.split("; ")[1]]).toEqual([
          first,
          "hit",
        ]);
        renewals += answer.setCookies.length;
      }
      expect(renewals).toBeGreaterThanOrEqual(1);
      expect(renewals).toBeLessThanOrEqual(3);
      await sleep(2300);
      expect((await client.get("/")).setCookies).toHaveLength(1);
    });
  });
});

describe("what the map keeps", () => {
  test("record = return: nothing of a client that never came back", async ({ expect }) => {
    const pool = { sessions: { record: "return", lease: "1s", idle: "1m" } };
    await withScene({ pool }, async (scene) => {
      const clients = Array.from({ length: 6 }, () => scene.client());
      const homes: string[] = [];
      for (const client of clients) homes.push(home(await client.get("/")));
      expect(await scene.admin.sessions()).toEqual([]);
      await sleep(1100);
      for (const [n, client] of clients.slice(0, 3).entries()) {
        expect(home(await client.get("/"))).toBe(homes[n]);
      }
      expect((await scene.admin.sessions()).map(({ origin }) => origin).sort()).toEqual(
        homes.slice(0, 3).sort(),
      );
    });
  });

  test("record = never: nothing, and pins hold, end when idle, survive a kill", async ({
    expect,
  }) => {
    const pool = { sessions: { record: "never", lease: "1s", idle: "2s", ttl: "1m" } };
    await withScene({ pool, vars: exposed }, async (scene) => {
      const client = scene.client();
      const first = home(await client.get("/"));
      await sleep(1200);
      expect(home(await client.get("/"))).toBe(first);
      await scene.router.kill9();
      await scene.router.restart();
      await sleep(1100);
      const again = await client.get("/");
      expect([home(again), headerOf(again, "affinity-event")]).toEqual([first, undefined]);
      expect(headerOf(again, "affinity-status")).toMatch(/^limpet; hit\b/);
      expect(await scene.admin.sessions()).toEqual([]);
      await sleep(2300);
      expect(headerOf(await client.get("/"), "affinity-status")).toMatch(/^limpet; (expired|new)/);
    });
  });

  test("never more than sessions.max: the least recently seen go first", async ({ expect }) => {
    const pool = { sessions: { max: 20, shards: 1, lease: "0s" } };
    await withScene({ pool }, async (scene) => {
      const clients = Array.from({ length: 20 }, () => scene.client());
      for (const client of clients) await client.get("/");
      const before = await scene.admin.sessions();
      expect(before).toHaveLength(20);
      // The first one is used again, and so outlives those after it.
      await sleep(20);
      await clients[0]?.get("/");
      for (let n = 0; n < 5; n++) await scene.client().get("/");
      expect((await scene.admin.sessions()).length).toBeLessThanOrEqual(20);
      expect((await clients[0]?.get("/"))?.setCookies).toEqual([]);
      expect((await clients[19]?.get("/"))?.setCookies).toEqual([]);
      expect((await clients[1]?.get("/"))?.setCookies).toHaveLength(1);
    });
  });

  test("is swept from the disk without anyone asking", async ({ expect }) => {
    const storage = mkdtempSync(join(tmpdir(), "limpet-storage-"));
    const pool = { sessions: { idle: "2s", lease: "1s" } };
    try {
      await withScene({ pool, storage }, async (scene) => {
        for (let n = 0; n < 10; n++) await scene.client().get("/");
        expect(await scene.admin.sessions()).toHaveLength(10);
        await scene.router.kill9();
        expect(storedRows(storage)).toBe(10);
        await scene.router.restart();
        await sleep(5000);
        await scene.router.kill9();
        expect(storedRows(storage)).toBe(0);
      });
    } finally {
      rmSync(storage, { recursive: true, force: true });
    }
  });

  test("is on the disk when the client has its answer", async ({ expect }) => {
    const pool = { sessions: { idle: "1m", lease: "1s" } };
    await withScene({ pool, vars: exposed }, async (scene) => {
      const clients = Array.from({ length: 5 }, () => scene.client());
      const answers = await Promise.all(clients.map((client) => client.get("/")));
      await scene.router.kill9();
      await scene.router.restart();
      await sleep(1100);
      for (const [n, client] of clients.entries()) {
        const answer = await client.get("/");
        expect([home(answer), headerOf(answer, "affinity-status")?.split("; ")[1]]).toEqual([
          home(answers[n] ?? answer),
          "hit",
        ]);
      }
    });
  });
});
