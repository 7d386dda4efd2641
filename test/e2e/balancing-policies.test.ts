import { afterAll, describe, it } from "vitest";
import {
  clientsOn,
  codeOf,
  spread,
  startScene,
  stopScenes,
  tally,
  until,
  visit,
  type Scene,
} from "./failover-scene.ts";

afterAll(stopScenes);

/** Where each of 90 keys goes. */
async function placesOf(scene: Scene): Promise<string[]> {
  const keys = Array.from({ length: 90 }, (_, n) => ({ "x-user": `user-${n}` }));
  return Promise.all(keys.map((headers) => visit(scene.newClient(), "/", { headers })));
}

describe("balancing", { concurrent: true }, () => {
  it("is round robin when nothing is said: equal origins get equally many", async ({ expect }) => {
    const scene = await startScene({ origins: { a: {}, b: {}, c: {}, d: {} } });
    expect(await spread(scene, 40)).toEqual({ a: 10, b: 10, c: 10, d: 10 });
  });

  it("round-robin follows the weights smoothly", async ({ expect }) => {
    const scene = await startScene({ origins: { a: { weight: 4 }, b: {}, c: {} } });
    const names: string[] = [];
    for (let n = 0; n < 36; n++) names.push(await visit(scene.newClient()));
    expect(tally(names)).toEqual({ a: 24, b: 6, c: 6 });
    // Smooth: no four in a row but what 4 of 6 in a circle must have.
    expect(names.join("")).not.toContain("aaaaa");
  });

  it("weighted-random follows the weights", async ({ expect }) => {
    const scene = await startScene({
      origins: { a: { weight: 1 }, b: { weight: 3 } },
      pool: { balance: "weighted-random" },
    });
    const names = await Promise.all(Array.from({ length: 400 }, () => visit(scene.newClient())));
    const { a = 0, b = 0 } = tally(names);
    expect(a + b).toBe(400);
    // 100 expected; 43 is five standard deviations.
    expect(Math.abs(a - 100)).toBeLessThanOrEqual(43);
  });

  it("least-sessions fills the emptier origins first", async ({ expect }) => {
    const scene = await startScene({
      origins: { a: {}, b: {}, c: {} },
      pool: { balance: "least-sessions" },
    });
    await scene.patch("b", { state: "disabled" });
    await scene.patch("c", { state: "disabled" });
    expect(await spread(scene, 24)).toEqual({ a: 24 });
    await scene.patch("b", { state: "active" });
    await scene.patch("c", { state: "active" });
    await until(async () => (await scene.look("a")).sessions === 24);
    const { a = 0, b = 0, c = 0 } = await spread(scene, 24);
    expect(a).toBeLessThanOrEqual(4);
    expect(Math.abs(b - c)).toBeLessThanOrEqual(10);
  });

  it("least-sessions counts by weight", async ({ expect }) => {
    const scene = await startScene({
      origins: { a: { weight: 1 }, b: { weight: 3 } },
      pool: { balance: "least-sessions" },
    });
    const { a = 0, b = 0 } = await spread(scene, 40);
    expect(a + b).toBe(40);
    expect(Math.abs(a - 10)).toBeLessThanOrEqual(6);
  });

  it("hash sends a key to one origin, whatever the isolate, and moves only a lost one's keys", async ({
    expect,
  }) => {
    const origins = { a: {}, b: {}, c: {} };
    const scene = await startScene({
      origins,
      pool: { affinity: [{ by: "header", name: "x-user", pin: "hash" }] },
    });
    const before = await placesOf(scene);
    for (const name of ["a", "b", "c"]) {
      expect(Math.abs((tally(before)[name] ?? 0) - 30)).toBeLessThanOrEqual(20);
    }
    await scene.router.restart();
    expect(await placesOf(scene)).toEqual(before);

    await scene.patch("a", { state: "disabled" });
    const without = await placesOf(scene);
    expect(without).not.toContain("a");
    for (const [at, home] of before.entries()) if (home !== "a") expect(without[at]).toBe(home);
    await scene.patch("a", { state: null });
    expect(await placesOf(scene)).toEqual(before);

    await scene.reconfigure({
      origins: { d: {}, ...origins },
      pool: { affinity: [{ by: "header", name: "x-user", pin: "hash" }] },
    });
    for (const [at, home] of (await placesOf(scene)).entries()) {
      if (home !== "d") expect(home).toBe(before[at]);
    }
  });

  it("balance = hash chooses by the key of the session", async ({ expect }) => {
    const pool = { balance: "hash", affinity: [{ by: "header", name: "x-user" }] };
    const origins = { a: {}, b: {}, c: {} };
    const scenes = await Promise.all([
      startScene({ origins, pool }),
      startScene({ origins, pool }),
    ]);
    for (const scene of scenes) {
      const places = await placesOf(scene);
      for (const name of ["a", "b", "c"]) {
        expect(Math.abs((tally(places)[name] ?? 0) - 30)).toBeLessThanOrEqual(20);
      }
      expect(await placesOf(scene)).toEqual(places);
    }
  });

  it("nearest serves by weight where the client's place is unknown", async ({ expect }) => {
    const scene = await startScene({
      origins: { eu: { regions: ["EU"] }, us: { regions: ["US", "IAD"], weight: 2 } },
      pool: { balance: "nearest" },
    });
    const places = await spread(scene, 60);
    expect((places["eu"] ?? 0) + (places["us"] ?? 0)).toBe(60);
    // 20 expected, four standard deviations either way if it is drawn.
    expect(Math.abs((places["eu"] ?? 0) - 20)).toBeLessThanOrEqual(15);
  });

  it("uses tier 1 only while no origin of tier 0 is usable", async ({ expect }) => {
    const scene = await startScene({
      origins: { a: {}, b: {}, backup: { tier: 1 }, last: { tier: 2 } },
      pool: { failover: { retries: 3 }, health: { passive: { eject: "1s", failures: 1 } } },
    });
    expect(await spread(scene, 10)).toEqual({ a: 5, b: 5 });
    const onA = await clientsOn(scene, "a", 2);
    await scene.patch("a", { state: "disabled" });
    expect(await spread(scene, 4)).toEqual({ b: 4 });
    await scene.patch("b", { state: "disabled" });
    expect(await spread(scene, 4)).toEqual({ backup: 4 });
    for (const client of onA) expect(await visit(client)).toBe("backup");
    await scene.patch("backup", { state: "disabled" });
    expect(await spread(scene, 2)).toEqual({ last: 2 });
    await scene.patch("backup", { state: null });
    await scene.patch("a", { state: null });
    expect(await spread(scene, 4)).toEqual({ a: 4 });
    // Repin: what moved to the backup stays there.
    for (const client of onA) expect(await visit(client)).toBe("backup");
  });

  it("falls to tier 1 in the same request", async ({ expect }) => {
    const scene = await startScene({ origins: { a: {}, backup: { tier: 1 } } });
    const [client] = await clientsOn(scene, "a", 1);
    await scene.origin("a").fail({ mode: "refuse" });
    expect(client && (await visit(client))).toBe("backup");
    expect(await visit(scene.newClient())).toBe("backup");
  });

  it("gives a full origin no new sessions, and keeps those it has", async ({ expect }) => {
    const scene = await startScene({
      origins: { a: { max_sessions: 4 }, b: { weight: 0 }, c: { tier: 1 } },
    });
    const pinned = await clientsOn(scene, "a", 4);
    await until(async () => (await scene.look("a")).sessions === 4);
    // Other isolates know within the age of the view; so does this one.
    await until(async () => (await visit(scene.newClient())) !== "a");
    expect((await spread(scene, 8))["a"]).toBeUndefined();
    for (const client of pinned) expect(await visit(client)).toBe("a");
    expect((await scene.look("a")).sessions).toBeLessThanOrEqual(8);
  });

  it("starts slowly with an origin that has just come back", async ({ expect }) => {
    const scene = await startScene({
      origins: { a: {}, b: {} },
      pool: { health: { passive: { failures: 1, eject: "1s" } } },
    });
    await scene.origin("a").fail({ mode: "refuse" });
    expect(await spread(scene, 4)).toEqual({ b: 4 });
    await scene.origin("a").heal();
    await until(async () => (await visit(scene.newClient())) === "a");
    expect((await spread(scene, 20))["a"] ?? 0).toBeLessThan(7);
  });

  it("gives an origin of weight 0 nothing while there is another", async ({ expect }) => {
    const scene = await startScene({ origins: { a: { weight: 0 }, b: {}, c: {} } });
    expect(await spread(scene, 12)).toEqual({ b: 6, c: 6 });
    await scene.patch("b", { state: "disabled" });
    await scene.patch("c", { state: "disabled" });
    expect(await spread(scene, 2)).toEqual({ a: 2 });
    await scene.patch("a", { state: "disabled" });
    expect(codeOf(await scene.newClient().get("/"))).toBe("no_origin");
  });

  it("follows a weight that the operator changes, over a restart", async ({ expect }) => {
    const scene = await startScene({ origins: { a: {}, b: {} } });
    await scene.patch("a", { weight: 4 });
    expect(await spread(scene, 20)).toEqual({ a: 16, b: 4 });
    await scene.router.kill9();
    await scene.router.restart();
    expect(await spread(scene, 20)).toEqual({ a: 16, b: 4 });
    await scene.patch("a", { weight: 0 });
    expect(await spread(scene, 4)).toEqual({ b: 4 });
  });
});
