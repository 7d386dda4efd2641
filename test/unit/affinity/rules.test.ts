import { describe, it } from "vitest";

import { makeScene, MINUTE, type Asking } from "./scene.ts";

const sid = (value: string, more: Asking = {}): Asking => ({
  url: `https://shop.example.com/?sid=${value}`,
  ...more,
});

describe("a new key in the map", () => {
  it("gets one origin, however many requests and isolates show it at once", async ({ expect }) => {
    const settings = { affinity: ["query:sid"] };
    const scene = await makeScene(settings);
    const isolates = [scene, await makeScene(settings, scene.world)];
    const all = await Promise.all(
      Array.from({ length: 100 }, (_, at) => isolates[at % 2]!.visit(new Map(), sid("new"))),
    );
    expect(new Set(all.map(({ origin }) => origin)).size).toBe(1);
    expect(scene.rows()).toHaveLength(1);
    expect(all.filter(({ outcome }) => outcome === "new")).toHaveLength(1);
  });

  it("is trusted for a lease without a call, then asked for", async ({ expect }) => {
    const scene = await makeScene({ affinity: ["query:sid"], sessions: { lease: "60s" } });
    const { origin } = await scene.client().get(sid("one"));
    scene.store.calls.length = 0;
    scene.pass(29_000);
    expect(await scene.client().get(sid("one"))).toMatchObject({ outcome: "hit", origin });
    expect(scene.store.calls).toEqual([]);
    scene.pass(MINUTE);
    expect(await scene.client().get(sid("one"))).toMatchObject({ outcome: "hit", origin });
    expect(scene.store.calls).toEqual(["assign"]);
  });

  it("goes by hash while the map fails, the same in every isolate", async ({ expect }) => {
    const settings = { affinity: ["query:sid"] };
    const scene = await makeScene(settings);
    const other = await makeScene(settings, scene.world);
    scene.store.fails(true);
    for (const value of ["a", "b", "c", "d", "e", "f"]) {
      const { origin, outcome } = await scene.client().get(sid(value));
      expect(outcome).toBe("degraded");
      expect(await other.client().get(sid(value))).toMatchObject({ outcome, origin });
    }
  });

  it("stores nothing unless its rule believes clients", async ({ expect }) => {
    const scene = await makeScene({ affinity: ["app-cookie:SID"] });
    const client = scene.client();
    client.jar.set("SID", "made-up");
    expect(await client.get()).toMatchObject({ outcome: "none", setCookies: [] });
    expect(scene.rows()).toEqual([]);
  });

  it("is not stored by what may make no pin", async ({ expect }) => {
    const scene = await makeScene({ affinity: ["query:sid", "cookie"] });
    const skipped = sid("skipped", { isSkipped: true });
    expect(await scene.client().get(skipped)).toMatchObject({ outcome: "skip", setCookies: [] });
    expect(scene.rows()).toEqual([]);
    const { origin } = await scene.client().get(sid("skipped"));
    expect(await scene.client().get(skipped)).toMatchObject({ outcome: "hit", origin });
  });
});

describe("several rules", () => {
  it("keep one pin: the first that has it wins, the others store it", async ({ expect }) => {
    const scene = await makeScene({ affinity: ["query:sid", "cookie", "ip"] });
    const client = scene.client();
    const { origin } = await client.get({ ip: "203.0.113.7" });
    for (const asking of [
      sid("one", { ip: "203.0.113.7" }),
      sid("one", { ip: "198.51.100.1" }),
      { ip: "192.0.2.1" },
    ]) {
      expect(await client.get(asking)).toMatchObject({ outcome: "hit", origin });
    }
    expect(await scene.client().get(sid("one"))).toMatchObject({ outcome: "hit", origin });
    expect(await scene.client().get({ ip: "192.0.2.1" })).toMatchObject({ origin });
    expect(new Set(scene.rows().map((row) => row.origin))).toEqual(new Set([origin]));
  });

  it("leave the pin of a key alone that others share, whether the isolate knows it or not", async ({
    expect,
  }) => {
    const settings = { affinity: ["query:sid", "ip"] };
    for (const isKnown of [true, false]) {
      const scene = await makeScene(settings);
      const { origin: home } = await scene.client().get(sid("roaming", { ip: "203.0.113.7" }));
      let office = { origin: home, ip: "" };
      for (let at = 1; office.origin === home; at += 1) {
        const ip = `198.51.100.${at}`;
        office = { ip, origin: (await scene.client().get({ ip })).origin };
      }
      const isolate = isKnown ? scene : await makeScene(settings, scene.world);
      const roaming = await isolate.client().get(sid("roaming", { ip: office.ip }));
      expect(roaming).toMatchObject({ outcome: "hit", origin: home });
      const colleague = await isolate.client().get({ ip: office.ip });
      expect(colleague, `known: ${isKnown}`).toMatchObject({
        outcome: "hit",
        origin: office.origin,
      });
    }
  });

  it("follow the next one that is usable when the first is lost", async ({ expect }) => {
    const scene = await makeScene({ affinity: ["query:sid", "cookie"] });
    const [client, other] = [scene.client(), scene.client()];
    const { origin: lost } = await client.get(sid("one"));
    let { origin } = await other.get();
    while (origin === lost) {
      other.jar.clear();
      ({ origin } = await other.get());
    }
    scene.see({ [lost]: { state: "disabled" } });
    const next = await other.get(sid("one"));
    expect(next).toMatchObject({ outcome: "moved", origin, moved: `${lost}: disabled` });
    scene.see({});
    expect(await scene.client().get(sid("one"))).toMatchObject({ outcome: "hit", origin });
  });

  it("issue a cookie for where another rule's pin is", async ({ expect }) => {
    const scene = await makeScene({
      affinity: [{ by: "header", name: "x-session", pin: "route" }, "cookie"],
    });
    const client = scene.client();
    const routed = { headers: { "x-session": "abc.app-3" } };
    expect(await client.get(routed)).toMatchObject({ outcome: "hit", origin: "app-3" });
    expect(await client.get()).toMatchObject({ outcome: "hit", origin: "app-3" });
  });

  it("fall back to the cookie while the map fails", async ({ expect }) => {
    const scene = await makeScene({ affinity: ["query:sid", "cookie"] });
    scene.store.fails(true);
    const client = scene.client();
    const { origin } = await client.get(sid("one"));
    for (let time = 0; time < 3; time += 1) {
      expect(await client.get(sid("one"))).toMatchObject({ outcome: "degraded", origin });
    }
  });
});

describe("a rule without memory", () => {
  it("hashes a key to one origin, and away from one that is down", async ({ expect }) => {
    const scene = await makeScene({ affinity: [{ by: "query", name: "sid", pin: "hash" }] });
    const { origin } = await scene.client().get(sid("one"));
    expect(await scene.client().get(sid("one"))).toMatchObject({ outcome: "hit", origin });
    scene.see({ [origin]: { probe: "down" } });
    const next = await scene.client().get(sid("one"));
    expect(next.origin).not.toBe(origin);
    expect(await scene.client().get(sid("one"))).toMatchObject({ origin: next.origin });
    expect(scene.store.calls).toEqual([]);
  });

  it("stays with an origin that drains", async ({ expect }) => {
    const scene = await makeScene({ affinity: [{ by: "query", name: "sid", pin: "hash" }] });
    const { origin } = await scene.client().get(sid("one"));
    scene.see({ [origin]: { state: "draining" } });
    expect(await scene.client().get(sid("one"))).toMatchObject({ outcome: "hit", origin });
  });

  it("only balances when there is none at all", async ({ expect }) => {
    const scene = await makeScene({ affinity: [] });
    const origins: string[] = [];
    for (let time = 0; time < 3; time += 1) {
      const { origin, outcome, setCookies } = await scene.client().get();
      expect({ outcome, setCookies }).toEqual({ outcome: "none", setCookies: [] });
      origins.push(origin);
    }
    expect(origins.toSorted()).toEqual(["app-1", "app-2", "app-3"]);
  });
});
