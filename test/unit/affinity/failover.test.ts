import { describe, it } from "vitest";

import { tally } from "../fixtures.ts";
import { makeScene, MINUTE, type Scene } from "./scene.ts";

const DOWN = { probe: "down" } as const;
const DRAINED = { state: "draining", drained: 1 } as const;
const DISABLED = { state: "disabled" } as const;

const failing = (on_lost: string, more: object = {}) =>
  makeScene({ failover: { on_lost }, ...more });

/** A client whose session is at app-1. */
async function clientAt(scene: Scene, name = "app-1") {
  for (;;) {
    const client = scene.client();
    if ((await client.get()).origin === name) return client;
  }
}

describe('on_lost = "repin"', () => {
  it.for([
    [DOWN, "down"],
    [DISABLED, "disabled"],
    [DRAINED, "drained"],
  ] as const)("moves a session whose origin is %j, for good", async ([row, reason], { expect }) => {
    const scene = await failing("repin");
    const client = await clientAt(scene);
    scene.see({ "app-1": row });
    const next = await client.get();
    expect(next).toMatchObject({ outcome: "moved", moved: `app-1: ${reason}` });
    expect(next.setCookies).toHaveLength(1);
    scene.see({});
    for (const wait of [0, MINUTE, MINUTE]) {
      scene.pass(wait);
      expect(await client.get()).toMatchObject({ outcome: "hit", origin: next.origin });
    }
  });

  it("lets parallel requests of one session agree, in every isolate", async ({ expect }) => {
    const scene = await failing("repin");
    const client = await clientAt(scene);
    const isolates = [scene, await makeScene({}, scene.world), await makeScene({}, scene.world)];
    for (const one of isolates) one.see({ "app-1": DOWN });
    const all = await Promise.all(
      Array.from({ length: 30 }, (_, at) => isolates[at % 3]!.visit(new Map(client.jar))),
    );
    expect(new Set(all.map(({ origin }) => origin)).size).toBe(1);
  });

  it("follows a move that another isolate made first", async ({ expect }) => {
    const scene = await failing("repin");
    const client = await clientAt(scene);
    const [id = ""] = [...scene.store.rows].find(([, { origin }]) => origin === "app-1") ?? [];
    const to = { origin: "app-3", generation: 1 };
    await scene.store.move([id], { by: "cookie", from: null, to, created: scene.world.now });
    scene.see({ "app-1": DOWN, "app-3": {} });
    await client.get();
    expect(await client.get()).toMatchObject({ outcome: "hit", origin: "app-3" });
  });

  it("spreads the sessions of a dead origin over all others", async ({ expect }) => {
    const scene = await failing("repin");
    const clients = await Promise.all(Array.from({ length: 40 }, () => clientAt(scene)));
    scene.see({ "app-1": DOWN });
    const homes: string[] = [];
    for (const client of clients) homes.push((await client.get()).origin);
    expect(Object.keys(tally(homes)).toSorted()).toEqual(["app-2", "app-3"]);
  });

  it("serves though the map fails, and the client carries the new pin", async ({ expect }) => {
    const scene = await failing("repin");
    const client = await clientAt(scene);
    scene.see({ "app-1": DOWN });
    scene.store.fails(true);
    const next = await client.get();
    expect(next.origin).not.toBe("app-1");
    expect(await client.get()).toMatchObject({ origin: next.origin });
  });
});

describe('on_lost = "detour"', () => {
  it("serves elsewhere, always at the same place, keeps the pin, and returns", async ({
    expect,
  }) => {
    const scene = await failing("detour");
    const client = await clientAt(scene);
    const rows = scene.rows();
    scene.see({ "app-1": DOWN });
    const next = await client.get();
    expect(next).toMatchObject({ outcome: "detour", moved: "app-1: down", setCookies: [] });
    for (let time = 0; time < 5; time += 1) {
      expect(await client.get()).toMatchObject({ outcome: "detour", origin: next.origin });
    }
    scene.see({});
    expect(await client.get()).toMatchObject({ outcome: "hit", origin: "app-1" });
    expect(scene.rows()).toEqual(rows);
  });

  it.for([
    ["disabled", DISABLED],
    ["drained", DRAINED],
  ] as const)(
    "moves the sessions of an origin that is %s: it is not coming back",
    async ([, row], { expect }) => {
      const scene = await failing("detour");
      const client = await clientAt(scene);
      scene.see({ "app-1": row });
      const next = await client.get();
      expect(next.outcome).toBe("moved");
      expect(await client.get()).toMatchObject({ outcome: "hit", origin: next.origin });
    },
  );
});

describe('on_lost = "refuse"', () => {
  it("refuses while the origin is away, and keeps the pin", async ({ expect }) => {
    const scene = await failing("refuse");
    const client = await clientAt(scene);
    scene.see({ "app-1": DOWN });
    expect(await client.get()).toMatchObject({ outcome: "refused", setCookies: [] });
    expect(await scene.client().get()).toMatchObject({ outcome: "new" });
    scene.see({});
    expect(await client.get()).toMatchObject({ outcome: "hit", origin: "app-1" });
  });

  it("refuses no session that was released", async ({ expect }) => {
    const scene = await failing("refuse");
    const client = await clientAt(scene);
    scene.see({ "app-1": { generation: 2 } });
    expect((await client.get()).outcome).not.toBe("refused");
    expect(await client.get()).toMatchObject({ outcome: "hit" });
  });
});

describe("when nobody else is left", () => {
  it("a drained origin serves the sessions it had, as it serves new ones", async ({ expect }) => {
    const scene = await failing("repin");
    const client = await clientAt(scene);
    scene.see({ "app-1": DRAINED, "app-2": DOWN, "app-3": DOWN });
    expect(await scene.client().get()).toMatchObject({ origin: "app-1" });
    expect(await client.get()).toMatchObject({ origin: "app-1" });
  });

  it("there is nobody, with a session or without", async ({ expect }) => {
    const scene = await failing("repin");
    const client = await clientAt(scene);
    scene.see({ "app-1": DOWN, "app-2": DISABLED, "app-3": DOWN });
    expect(await client.get()).toMatchObject({ outcome: "nobody" });
    expect(await scene.client().get()).toMatchObject({ outcome: "nobody" });
    scene.see({});
    expect(await client.get()).toMatchObject({ outcome: "hit", origin: "app-1" });
  });
});

describe("a pin in the map", () => {
  const KEYED = { affinity: ["query:sid"] };
  const asking = { url: "https://shop.example.com/?sid=abc" };

  it("to an origin that the configuration no longer has moves", async ({ expect }) => {
    const scene = await makeScene(KEYED);
    const { origin } = await scene.client().get(asking);
    const left = ["app-1", "app-2", "app-3"]
      .filter((name) => name !== origin)
      .map((name) => ({ name, url: `https://${name}.example.com` }));
    const later = await makeScene({ ...KEYED, origins: left }, scene.world);
    const next = await later.client().get(asking);
    expect(next).toMatchObject({ outcome: "moved", moved: expect.stringContaining(origin) });
    expect(await later.client().get(asking)).toMatchObject({ outcome: "hit", origin: next.origin });
    expect(later.rows()).toEqual([{ by: "query", origin: next.origin, generation: 1 }]);
  });

  it("is moved by a failure, and stays there", async ({ expect }) => {
    const scene = await makeScene(KEYED);
    const { origin } = await scene.client().get(asking);
    scene.see({ [origin]: DOWN });
    const next = await scene.client().get(asking);
    expect(next).toMatchObject({ outcome: "moved", moved: `${origin}: down` });
    scene.see({});
    const other = await makeScene(KEYED, scene.world);
    expect(await other.client().get(asking)).toMatchObject({ outcome: "hit", origin: next.origin });
  });

  it("that was released begins anew, once", async ({ expect }) => {
    const scene = await makeScene(KEYED);
    await scene.client().get(asking);
    const [id = ""] = scene.store.rows.keys();
    await scene.store.release(id);
    scene.see({}, { recalled: new Map([[id, scene.world.now]]) });
    scene.pass(1);
    const next = await scene.client().get(asking);
    expect(next.outcome).toBe("new");
    expect(await scene.client().get(asking)).toMatchObject({ outcome: "hit", origin: next.origin });
  });
});
