import { describe, it } from "vitest";

import { makeScene, MINUTE } from "./scene.ts";

const SESSIONS = { idle: "30m", ttl: "10h", lease: "60s" };
const settings = (sessions: object = {}) => ({ sessions: { ...SESSIONS, ...sessions } });

describe("a cookie within its lease", () => {
  it("needs no storage and no new cookie", async ({ expect }) => {
    const scene = await makeScene(settings());
    const client = scene.client();
    const first = await client.get();
    expect(first).toMatchObject({ outcome: "new", setCookies: [expect.any(String)] });
    scene.store.calls.length = 0;
    for (let time = 0; time < 20; time += 1) {
      const next = await client.get();
      expect(next).toMatchObject({ outcome: "hit", origin: first.origin, setCookies: [] });
      scene.pass(1_000);
    }
    expect(scene.store.calls).toEqual([]);
  });

  it("is renewed from half of it on in the background, with one call", async ({ expect }) => {
    const scene = await makeScene(settings());
    const client = scene.client();
    await client.get();
    scene.store.calls.length = 0;
    scene.pass(30_000);
    expect(await client.get()).toMatchObject({ outcome: "hit", setCookies: [] });
    expect(await client.get()).toMatchObject({ outcome: "hit", setCookies: [expect.any(String)] });
    expect(scene.store.calls).toEqual(["later"]);
  });

  it("from a clock that is far ahead is asked for all the same", async ({ expect }) => {
    const scene = await makeScene(settings());
    const client = scene.client();
    await client.get();
    scene.pass(-10_000);
    scene.store.calls.length = 0;
    await client.get();
    expect(scene.store.calls).toEqual(["assign"]);
  });
});

describe("a cookie after its lease", () => {
  it("costs one call, and is issued anew", async ({ expect }) => {
    const scene = await makeScene(settings());
    const client = scene.client();
    const { origin } = await client.get();
    scene.pass(MINUTE);
    scene.store.calls.length = 0;
    const next = await client.get();
    expect(next).toMatchObject({ outcome: "hit", origin, setCookies: [expect.any(String)] });
    expect(scene.store.calls).toEqual(["assign"]);
    expect(await client.get()).toMatchObject({ outcome: "hit", setCookies: [] });
  });

  it("restores a row that the map has lost", async ({ expect }) => {
    const scene = await makeScene(settings());
    const client = scene.client();
    const { origin } = await client.get();
    scene.store.rows.clear();
    scene.pass(MINUTE);
    expect(await client.get()).toMatchObject({ outcome: "hit", origin });
    expect(scene.rows()).toEqual([{ by: "cookie", origin, generation: 1 }]);
  });

  it("counts though the map fails, and is not issued anew then", async ({ expect }) => {
    const scene = await makeScene(settings());
    const client = scene.client();
    const { origin } = await client.get();
    scene.pass(MINUTE);
    scene.store.fails(true);
    expect(await client.get()).toMatchObject({ outcome: "degraded", origin, setCookies: [] });
    scene.store.fails(false);
    expect(await client.get()).toMatchObject({ outcome: "hit", origin });
  });
});

describe("a session", () => {
  it("ends when it was not used for its idle time, and not before", async ({ expect }) => {
    const scene = await makeScene(settings());
    const [early, late] = [scene.client(), scene.client()];
    const { origin } = await early.get();
    await late.get();
    scene.pass(30 * MINUTE - 1);
    expect(await early.get()).toMatchObject({ outcome: "hit", origin });
    scene.pass(1);
    const next = await late.get();
    expect(next).toMatchObject({ outcome: "expired", setCookies: [expect.any(String)] });
    expect(await late.get()).toMatchObject({ outcome: "hit", origin: next.origin });
  });

  it("lives on while it is used, whatever the idle time, until its absolute end", async ({
    expect,
  }) => {
    const scene = await makeScene(settings({ ttl: "5h" }));
    const client = scene.client();
    const { origin } = await client.get();
    for (let time = 1; time < 20; time += 1) {
      scene.pass(15 * MINUTE);
      expect(await client.get(), `after ${time * 15} min`).toMatchObject({
        outcome: "hit",
        origin,
      });
    }
    scene.pass(15 * MINUTE);
    expect(await client.get()).toMatchObject({ outcome: "expired" });
  });

  it("is remembered by an isolate that sees it for the first time", async ({ expect }) => {
    const scene = await makeScene(settings());
    const other = await makeScene(settings(), scene.world);
    const client = scene.client();
    const { origin } = await client.get();
    expect(await other.visit(client.jar)).toMatchObject({ outcome: "hit", origin });
  });

  it("is new for a cookie that is none of ours", async ({ expect }) => {
    const scene = await makeScene(settings());
    const client = scene.client();
    const [name = ""] = (await client.get()).setCookies[0]?.split("=") ?? [];
    client.jar.set(name, "A".repeat(99));
    expect(await client.get()).toMatchObject({
      outcome: "invalid",
      setCookies: [expect.any(String)],
    });
    expect(await client.get()).toMatchObject({ outcome: "hit" });
  });
});

describe('lease = "0s"', () => {
  it("asks the map every time, and issues the cookie anew after half the idle time", async ({
    expect,
  }) => {
    const scene = await makeScene(settings({ lease: "0s" }));
    const client = scene.client();
    const { origin } = await client.get();
    scene.store.calls.length = 0;
    for (let time = 0; time < 5; time += 1) {
      scene.pass(1_000);
      expect(await client.get()).toMatchObject({ outcome: "hit", origin, setCookies: [] });
    }
    expect(scene.store.calls).toEqual(Array(5).fill("assign"));
    scene.pass(15 * MINUTE);
    expect(await client.get()).toMatchObject({ outcome: "hit", setCookies: [expect.any(String)] });
    scene.pass(30 * MINUTE);
    expect(await client.get()).toMatchObject({ outcome: "expired" });
  });
});

describe('record = "return"', () => {
  it("stores a session when its client has come back", async ({ expect }) => {
    const scene = await makeScene(settings({ record: "return" }));
    const client = scene.client();
    const { origin } = await client.get();
    expect(scene.rows()).toEqual([]);
    scene.pass(1_000);
    expect(await client.get()).toMatchObject({ outcome: "hit", origin });
    expect(scene.rows()).toEqual([{ by: "cookie", origin, generation: 1 }]);
    scene.pass(29 * MINUTE);
    expect(await client.get()).toMatchObject({ outcome: "hit", origin });
  });

  it("knows no client that first comes back after the idle time", async ({ expect }) => {
    const scene = await makeScene(settings({ record: "return" }));
    const client = scene.client();
    await client.get();
    scene.pass(30 * MINUTE + 1);
    expect(await client.get()).toMatchObject({ outcome: "expired" });
  });
});

describe('record = "never"', () => {
  it("keeps sessions without any storage, as long as they are used", async ({ expect }) => {
    const scene = await makeScene(settings({ record: "never" }));
    const client = scene.client();
    const { origin } = await client.get();
    for (let time = 0; time < 10; time += 1) {
      scene.pass(20 * MINUTE);
      expect(await client.get()).toMatchObject({ outcome: "hit", origin });
    }
    scene.pass(31 * MINUTE);
    expect(await client.get()).toMatchObject({ outcome: "expired" });
    expect(scene.store.calls).toEqual([]);
  });
});

describe("a release", () => {
  it("of all of an origin's sessions voids its cookies at once, and those of no other", async ({
    expect,
  }) => {
    const scene = await makeScene(settings());
    const clients = [scene.client(), scene.client(), scene.client()];
    const origins: string[] = [];
    for (const client of clients) origins.push((await client.get()).origin);
    expect(origins.toSorted()).toEqual(["app-1", "app-2", "app-3"]);
    scene.see({ "app-1": { generation: 2 } });
    for (const [at, client] of clients.entries()) {
      const next = await client.get();
      if (origins[at] === "app-1") expect(next.outcome).not.toBe("hit");
      else expect(next).toMatchObject({ outcome: "hit", origin: origins[at] });
      expect(await client.get()).toMatchObject({ outcome: "hit", origin: next.origin });
    }
  });

  it("of one session is asked for by its own requests only", async ({ expect }) => {
    const scene = await makeScene(settings());
    const [one, other] = [scene.client(), scene.client()];
    await one.get();
    const [id = ""] = scene.store.rows.keys();
    await other.get();
    await scene.store.release(id);
    scene.pass(1_000);
    scene.see({}, { recalled: new Map([[id, scene.world.now]]) });
    scene.store.calls.length = 0;
    expect(await other.get()).toMatchObject({ outcome: "hit" });
    expect(scene.store.calls).toEqual([]);
    const next = await one.get();
    expect(next.outcome).not.toBe("hit");
    expect(next.setCookies).toHaveLength(1);
    expect(await one.get()).toMatchObject({ outcome: "hit", origin: next.origin });
  });

  it("of too many to name lets everything older be asked for", async ({ expect }) => {
    const scene = await makeScene(settings());
    const client = scene.client();
    await client.get();
    scene.pass(1_000);
    scene.see({}, { askBefore: scene.world.now });
    scene.store.calls.length = 0;
    expect(await client.get()).toMatchObject({ outcome: "hit" });
    expect(scene.store.calls).toEqual(["assign"]);
    expect(await client.get()).toMatchObject({ outcome: "hit" });
    expect(scene.store.calls).toEqual(["assign"]);
  });
});
