import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { OriginAnswer } from "../kit/origin-routes.ts";
import { headerOf } from "../kit/raw-http.ts";
import { startScene, type Row, type Scene } from "./scene.ts";

const short = { idle: "2s", ttl: "4s", lease: "1s" };
const home = (answer: { json<T>(): T }) => answer.json<OriginAnswer>().origin;

describe("a session ends", () => {
  let scene: Scene;

  beforeAll(async () => {
    scene = await startScene({ pool: { sessions: short }, vars: { EXPOSE: "status" } });
  });

  afterAll(() => scene.stop());

  test("after its idle time, whatever the client keeps", async ({ expect }) => {
    const client = scene.client({ ignoreExpiry: true });
    await client.get("/");
    const [row] = await scene.admin.sessions();
    await sleep(2300);
    expect((await scene.admin.request(`/api/sessions/${row?.id}`)).status).toBe(404);
    const late = await client.get("/");
    expect([late.status, late.setCookies.length]).toEqual([200, 1]);
    expect(headerOf(late, "affinity-status")).toMatch(/^limpet; (expired|new)\b/);
    const rows = await scene.admin.sessions();
    expect(rows.map(({ id }) => id)).not.toContain(row?.id);
  });

  test("after its absolute lifetime, however busy; until then use keeps it", async ({ expect }) => {
    const client = scene.client({ ignoreExpiry: true });
    const began = Date.now();
    const first = home(await client.get("/"));
    const row = (await scene.admin.sessions()).find(({ created }) => Date.parse(created) >= began);
    let last: Row | undefined = row;
    while (Date.now() - began < 3700) {
      await sleep(300);
      if (Date.now() - began >= 3900) break;
      const answer = await client.get("/");
      // An answer that was sent in time.
      if (Date.now() - began < 3900) {
        expect([home(answer), headerOf(answer, "affinity-event")]).toEqual([first, undefined]);
        expect(headerOf(answer, "affinity-status")).toMatch(/^limpet; hit\b/);
      }
      last = await scene.admin.get<Row>(`/api/sessions/${row?.id}`);
      expect(Date.parse(last.expires)).toBeLessThanOrEqual(Date.parse(last.created) + 4000);
    }
    await sleep(began + 4300 - Date.now());
    expect((await scene.admin.request(`/api/sessions/${row?.id}`)).status).toBe(404);
    const late = await client.get("/");
    expect(late.setCookies).toHaveLength(1);
    expect(headerOf(late, "affinity-status")).toMatch(/^limpet; (expired|new)\b/);
  });

  test("with a cookie that is renewed in step with the lease, not with the requests", async ({
    expect,
  }) => {
    const client = scene.client();
    await client.get("/");
    let renewals = 0;
    const until = Date.now() + 2500;
    while (Date.now() < until) {
      renewals += (await client.get("/")).setCookies.length;
      await sleep(100);
    }
    expect(renewals).toBeGreaterThanOrEqual(1);
    // 25 requests in two and a half leases, each of which may be renewed from its half on.
    expect(renewals).toBeLessThanOrEqual(5);
  });
});

describe("a router that is killed", () => {
  let scene: Scene;
  let storage: string;

  beforeAll(async () => {
    storage = mkdtempSync(join(tmpdir(), "limpet-storage-"));
    scene = await startScene({
      storage,
      pool: {
        affinity: ["cookie", "header:X-Session-ID", "ip"],
        sessions: { lease: "0s", idle: "10m" },
      },
    });
  });

  afterAll(async () => {
    await scene.stop();
    rmSync(storage, { recursive: true, force: true });
  });

  test("and started again keeps every pin and every row", async ({ expect }) => {
    const clients = Array.from({ length: 12 }, () => scene.client());
    const keyed = (n: number) => ({ "x-session-id": `raw-session-${n}-of-the-app` });
    const homes: string[] = [];
    for (const [n, client] of clients.entries()) {
      homes.push(home(await client.get("/", n % 2 ? keyed(n) : {})));
    }
    expect(new Set(homes).size).toBe(3);
    const rows = await scene.admin.sessions();
    await scene.router.kill9();
    await scene.router.restart();
    const key = ({ id, origin, created, by }: Row) => `${id} ${origin} ${created} ${by}`;
    const kept = await scene.admin.sessions();
    expect(kept.map(key).sort()).toEqual(rows.map(key).sort());
    for (const [n, client] of clients.entries()) {
      expect(home(await client.get("/"))).toBe(homes[n]);
      // The app's session ID alone, from somewhere else.
      if (n % 2) expect(home(await scene.client().get("/", keyed(n)))).toBe(homes[n]);
    }
  });

  test("has never written a raw session ID or address to its disk", async ({ expect }) => {
    await scene.client({ ip: "203.0.113.77" }).get("/", { "x-session-id": "raw-session-of-app" });
    await scene.router.kill9();
    const files = readdirSync(storage, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name)));
    expect(files.length).toBeGreaterThan(0);
    for (const word of ["raw-session", "203.0.113.77", "203.0.113"]) {
      expect(files.some((bytes) => bytes.includes(word))).toBe(false);
    }
    await scene.router.restart();
  });

  test("does not bring back what was released", async ({ expect }) => {
    const client = scene.client();
    await client.get("/");
    for (const { id } of await scene.admin.sessions()) {
      expect((await scene.admin.request(`/api/sessions/${id}`, { method: "DELETE" })).ok).toBe(
        true,
      );
    }
    await scene.router.kill9();
    await scene.router.restart();
    expect(await scene.admin.sessions()).toEqual([]);
    expect((await client.get("/")).setCookies).toHaveLength(1);
  });
});

describe("a pin that a client carries", () => {
  test("holds with the origins reordered and one added, and a release outlives a restart", async ({
    expect,
  }) => {
    const scene = await startScene();
    try {
      const clients = Array.from({ length: 6 }, () => scene.client());
      const homes: string[] = [];
      for (const client of clients) homes.push(home(await client.get("/")));
      const released = await scene.admin.sessions("&origin=app-1");
      for (const { id } of released) {
        await scene.admin.request(`/api/sessions/${id}`, { method: "DELETE" });
      }
      await scene.router.kill9();
      const origins = [...scene.origins].reverse().map(({ name, url }) => ({ name, url }));
      await scene.router.restart({
        vars: {
          POOLS: [{ name: "default", origins: [{ ...origins[0], name: "new" }, ...origins] }],
        },
      });
      for (const [n, client] of clients.entries()) {
        const answer = await client.get("/");
        const changed = homes[n] === "app-1";
        expect([homes[n], answer.setCookies.length]).toEqual([homes[n], changed ? 1 : 0]);
        if (!changed) expect(home(answer)).toBe(homes[n]);
      }
    } finally {
      await scene.stop();
    }
  });
});
