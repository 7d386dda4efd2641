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

/** How many rows all shards of a session map hold on disk, ended ones included. */
function storedRows(storage: string): number {
  const folder = join(storage, "SessionMap");
  const shards = readdirSync(folder).filter((name) => /^[0-9a-f]{64}\.sqlite$/.test(name));
  return shards.reduce((rows, name) => {
    const database = new DatabaseSync(join(folder, name));
    const count = database.prepare("SELECT count(*) AS n FROM sessions").get();
    database.close();
    return rows + Number(count?.["n"]);
  }, 0);
}

describe.concurrent("the time that a session may stay unused", () => {
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

describe.concurrent("what the map keeps", () => {
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
      // Nobody knows of uses within a lease: the idle time and a lease.
      await sleep(3300);
      expect(headerOf(await client.get("/"), "affinity-status")).toMatch(/^limpet; (expired|new)/);
    });
  });

  test("never more than sessions.max: the least recently seen go first", async ({ expect }) => {
    const pool = { sessions: { max: 20, shards: 1 } };
    await withScene({ pool }, async (scene) => {
      const arrive = async (count: number) => {
        await Promise.all(Array.from({ length: count }, () => scene.client().get("/")));
        await sleep(300);
      };
      const ids = async () => (await scene.admin.sessions()).map(({ id }) => id);
      await arrive(10);
      const early = await ids();
      await arrive(10);
      const recent = (await ids()).filter((id) => !early.includes(id));
      expect([early.length, recent.length]).toEqual([10, 10]);
      await arrive(5);
      const left = await ids();
      expect(left).toHaveLength(20);
      expect(left.filter((id) => recent.includes(id))).toHaveLength(10);
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
