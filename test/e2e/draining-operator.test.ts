import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, it } from "vitest";
import {
  clientOn,
  clientsOn,
  eventAt,
  originOf,
  outcomeOf,
  spread,
  startScene,
  stopScenes,
  until,
  visit,
} from "./failover-scene.ts";

afterAll(stopScenes);

const three = { a: {}, b: {}, c: {} };

describe("a draining origin", { concurrent: true }, () => {
  it("keeps its sessions, gets no new ones, and shows how many are left until when", async ({
    expect,
  }) => {
    const scene = await startScene({ origins: three });
    const pinned = await clientsOn(scene, "a", 7);
    const { state, drain } = await scene.patch("a", { state: "draining" });
    expect(state).toBe("draining");
    expect(drain?.sessions).toBe(7);
    const lasts = Date.parse(drain?.deadline ?? "") - Date.parse(drain?.since ?? "");
    expect(lasts).toBe(300_000);
    expect(Math.abs(Date.parse(drain?.since ?? "") - Date.now())).toBeLessThan(10_000);
    expect((await spread(scene, 12))["a"]).toBeUndefined();
    for (const client of pinned) {
      const answer = await client.get("/");
      expect([originOf(answer), outcomeOf(answer)]).toEqual(["a", "hit"]);
      expect(answer.setCookies).toEqual([]);
    }
    expect(await scene.look("a")).toMatchObject({ sessions: 7, drain: { sessions: 7 } });
  });

  it("gives up each session once after the deadline, which says so", async ({ expect }) => {
    const scene = await startScene({ origins: three });
    const pinned = await clientsOn(scene, "a", 4);
    const { drain } = await scene.patch("a", { state: "draining", deadline: "1s" });
    expect(Date.parse(drain?.deadline ?? "") - Date.parse(drain?.since ?? "")).toBe(1_000);
    const [first] = pinned;
    if (!first) throw new Error("unreachable");
    expect(await visit(first)).toBe("a");
    await until(async () => (await visit(first)) !== "a");
    const homes = [await visit(first)];
    for (const client of pinned.slice(1)) {
      const answer = await client.get("/");
      const home = originOf(answer);
      expect(home).not.toBe("a");
      expect(outcomeOf(answer)).toBe("moved");
      expect(eventAt(scene.origin(home))).toBe("moved; from=a; reason=drained");
      homes.push(home);
    }
    for (const [at, client] of pinned.entries()) {
      const answer = await client.get("/");
      expect([originOf(answer), outcomeOf(answer)]).toEqual([homes[at], "hit"]);
    }
    expect((await spread(scene, 9))["a"]).toBeUndefined();
    expect((await scene.look("a")).sessions).toBe(0);
    expect((await scene.admin("GET", "/api/events")).text).toMatch(/drain ended.*deadline/);
  });

  it("no longer shows a drain that the deadline ended", async ({ expect }) => {
    const scene = await startScene({ origins: three });
    const client = await clientOn(scene, "a");
    await scene.patch("a", { state: "draining", deadline: "1s" });
    await until(async () => (await visit(client)) !== "a");
    expect((await scene.look("a")).drain).toBeNull();
  });

  it("ends by itself when its last session has ended", async ({ expect }) => {
    const scene = await startScene({
      origins: three,
      pool: { sessions: { idle: "2s", lease: "1s" } },
    });
    await clientsOn(scene, "a", 2);
    await scene.patch("a", { state: "draining" });
    const ended = async (): Promise<boolean> =>
      (await scene.admin("GET", "/api/events")).text.includes("drain ended");
    expect(await ended()).toBe(false);
    await until(ended, 15_000);
    expect((await scene.look("a")).sessions).toBe(0);
    expect((await spread(scene, 6))["a"]).toBeUndefined();
  });

  it("ends by itself when its sessions are released", async () => {
    const scene = await startScene({ origins: three });
    await clientsOn(scene, "a", 2);
    await scene.patch("a", { state: "draining" });
    await scene.admin("DELETE", "/api/sessions?origin=a");
    const events = async (): Promise<string> => (await scene.admin("GET", "/api/events")).text;
    await until(async () => (await events()).includes("drain ended"), 15_000);
  });

  it("is undone by active, and by null", async ({ expect }) => {
    const scene = await startScene({ origins: three });
    const client = await clientOn(scene, "a");
    for (const state of ["active", null]) {
      await scene.patch("a", { state: "draining", deadline: "1s" });
      expect(await scene.patch("a", { state })).toMatchObject({ state: "active", drain: null });
      await sleep(1_300);
      expect(await visit(client)).toBe("a");
      expect(await spread(scene, 6)).toEqual({ a: 2, b: 2, c: 2 });
    }
  });

  it("stays so over kill -9, with its sessions, its start and its deadline", async ({ expect }) => {
    const scene = await startScene({ origins: three });
    const pinned = await clientsOn(scene, "a", 3);
    const before = await scene.patch("a", { state: "draining", deadline: "3s" });
    await scene.router.kill9();
    await scene.router.restart();
    expect(await scene.look("a")).toEqual(before);
    for (const client of pinned) expect(await visit(client)).toBe("a");
    expect((await spread(scene, 6))["a"]).toBeUndefined();
    const [first] = pinned;
    if (!first) throw new Error("unreachable");
    await until(async () => (await visit(first)) !== "a", 10_000);
    expect(Date.now()).toBeGreaterThan(Date.parse(before.drain?.deadline ?? ""));
  });

  it("is the last resort before 503", async ({ expect }) => {
    const scene = await startScene({
      origins: { a: {}, b: {} },
      pool: { failover: { retries: 2 }, health: { passive: { failures: 1, eject: "20s" } } },
    });
    const client = await clientOn(scene, "b");
    await scene.patch("a", { state: "draining" });
    await scene.origin("b").fail({ mode: "refuse" });
    expect(await visit(client)).toBe("a");
    expect(await spread(scene, 3)).toEqual({ a: 3 });
  });

  it.for(["repin", "detour"])(
    "loses its sessions at once when it fails (%s)",
    async (on_lost, { expect }) => {
      const scene = await startScene({
        origins: { a: {}, b: {} },
        pool: {
          failover: { on_lost },
          health: {
            path: "/healthz",
            interval: "1s",
            timeout: "500ms",
            fall: 1,
            rise: 1,
            passive: { failures: 3, window: "10s", eject: "1s" },
          },
        },
      });
      const client = await clientOn(scene, "a");
      await scene.patch("a", { state: "draining" });
      await scene.origin("a").fail({ mode: "refuse" });
      await until(async () => (await scene.look("a")).health === "down");
      expect(await visit(client)).toBe("b");
      await until(async () => outcomeOf(await client.get("/")) === "hit");
      await scene.origin("a").heal();
      await until(async () => (await scene.look("a")).health === "up");
      await sleep(1_200);
      for (let n = 0; n < 4; n++) expect(await visit(client)).toBe("b");
    },
  );
});
