import { describe, it } from "vitest";

import { makeScene, MINUTE, type Asking } from "./scene.ts";

const setting = (...lines: string[]): Asking => ({
  answer: lines.map((line) => ["set-cookie", line] as const),
});
const RULE = { affinity: [{ by: "app-cookie", name: "SID", pin: "map" }] };
const learning = (pin: string, more: object = {}) =>
  makeScene({ affinity: [{ by: "app-cookie", name: "SID", pin }], ...more });

describe("an ID that an origin issues", () => {
  it("is pinned to it, before the answer leaves and in every isolate", async ({ expect }) => {
    const scene = await learning("map");
    const other = await makeScene(RULE, scene.world);
    const client = scene.client();
    const { origin } = await client.get(setting("SID=abc; Path=/"));
    expect(scene.rows()).toEqual([{ by: "app-cookie", origin, generation: 1 }]);
    for (let time = 0; time < 3; time += 1) {
      expect(await client.get()).toMatchObject({ outcome: "hit", origin });
      expect(await other.visit(client.jar)).toMatchObject({ outcome: "hit", origin });
    }
  });

  it("is stored once, however often it is repeated", async ({ expect }) => {
    const scene = await learning("map");
    const client = scene.client();
    await client.get(setting("SID=abc"));
    scene.store.calls.length = 0;
    for (let time = 0; time < 5; time += 1) await client.get(setting("SID=abc"));
    expect(scene.store.calls).toEqual([]);
  });

  it("replaces the one that the client showed", async ({ expect }) => {
    const scene = await learning("map");
    const client = scene.client();
    const { origin } = await client.get(setting("SID=guest"));
    await client.get(setting("SID=member"));
    expect(scene.rows()).toHaveLength(1);
    expect(await client.get()).toMatchObject({ outcome: "hit", origin });
    client.jar.set("SID", "guest");
    expect((await client.get()).outcome).not.toBe("hit");
  });

  it.for([
    ["SID=; Max-Age=0"],
    ["SID=x; Max-Age=-1"],
    ["SID=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT"],
  ])("ends its pin with %s", async ([line], { expect }) => {
    const scene = await learning("map");
    const client = scene.client();
    await client.get(setting("SID=abc"));
    await client.get(setting(line ?? ""));
    expect(scene.rows()).toEqual([]);
    client.jar.set("SID", "abc");
    expect((await client.get()).outcome).not.toBe("hit");
  });

  it("in a header is learned, too, when the rule says so", async ({ expect }) => {
    for (const learn of ["response", "both"]) {
      const scene = await makeScene({
        affinity: [{ by: "header", name: "Mcp-Session-Id", learn }],
      });
      const { origin } = await scene.client().get({ answer: [["mcp-session-id", "abc"]] });
      const asking = { headers: { "mcp-session-id": "abc" } };
      expect(await scene.client().get(asking)).toMatchObject({ outcome: "hit", origin });
    }
    const scene = await makeScene({
      affinity: [{ by: "header", name: "Mcp-Session-Id", learn: "request" }],
    });
    await scene.client().get({ answer: [["mcp-session-id", "abc"]] });
    expect(scene.rows()).toEqual([]);
  });

  it("costs no answer when the map fails", async ({ expect }) => {
    const scene = await learning("map");
    scene.store.fails(true);
    expect(await scene.client().get(setting("SID=abc"))).toMatchObject({ setCookies: [] });
  });

  it("teaches nothing on a path that makes no pin, unless it ends", async ({ expect }) => {
    const scene = await learning("map");
    const client = scene.client();
    await client.get({ ...setting("SID=abc"), isSkipped: true });
    expect(scene.rows()).toEqual([]);
    client.jar.clear();
    await client.get(setting("SID=abc"));
    await client.get({ ...setting("SID=; Max-Age=0"), isSkipped: true });
    expect(scene.rows()).toEqual([]);
  });
});

describe("an answer from a detour", () => {
  it.for([["map"], ["cookie"], ["embed"]])(
    "leaves the pin of an ID that it only repeats (pin = %s)",
    async ([pin], { expect }) => {
      const scene = await learning(pin ?? "", { failover: { on_lost: "detour" } });
      const client = scene.client();
      const { origin } = await client.get(setting("SID=abc"));
      scene.see({ [origin]: { probe: "down" } });
      expect(await client.get(setting("SID=abc"))).toMatchObject({ outcome: "detour" });
      scene.see({});
      expect(await client.get()).toMatchObject({ outcome: "hit", origin });
    },
  );
});

describe("a companion", () => {
  it("appears with the application's cookie, lives as long, and pins", async ({ expect }) => {
    const scene = await learning("cookie");
    const client = scene.client();
    expect(await client.get()).toMatchObject({ setCookies: [] });
    const { origin, setCookies } = await client.get(setting("SID=abc; Max-Age=77; Path=/app"));
    expect(setCookies).toEqual([expect.stringMatching(/^__Host-affinity-SID=.*; Max-Age=77$/)]);
    expect(await client.get()).toMatchObject({ outcome: "hit", origin, setCookies: [] });
    client.jar.delete("SID");
    expect((await client.get()).outcome).not.toBe("hit");
  });

  it("keeps its session when the application renews its ID", async ({ expect }) => {
    const scene = await learning("cookie");
    const client = scene.client();
    const { origin } = await client.get(setting("SID=guest"));
    await client.get(setting("SID=member"));
    expect(await client.get()).toMatchObject({ outcome: "hit", origin });
    expect(scene.rows()).toHaveLength(1);
  });

  it("goes when the application ends its cookie, and its session with it", async ({ expect }) => {
    for (const pin of ["cookie", "embed"]) {
      const scene = await learning(pin);
      const client = scene.client();
      await client.get(setting("SID=abc"));
      const { setCookies } = await client.get(setting("SID=; Max-Age=0"));
      if (pin === "cookie") expect(setCookies).toEqual([expect.stringContaining("; Max-Age=0")]);
      expect(client.jar.size).toBe(0);
      expect(scene.rows(), pin).toEqual([]);
    }
  });

  it("outlives its lease as long as it is used", async ({ expect }) => {
    const scene = await learning("cookie");
    const client = scene.client();
    const { origin } = await client.get(setting("SID=abc"));
    for (let time = 0; time < 12; time += 1) {
      scene.pass(20 * MINUTE);
      expect(await client.get()).toMatchObject({ outcome: "hit", origin });
    }
    scene.pass(31 * MINUTE);
    expect(await client.get()).toMatchObject({ outcome: "none" });
  });

  it("of a released session is replaced, so that the client stays somewhere", async ({
    expect,
  }) => {
    const scene = await learning("cookie");
    const client = scene.client();
    await client.get(setting("SID=abc"));
    const [id = ""] = scene.store.rows.keys();
    await scene.store.release(id);
    scene.pass(1_000);
    scene.see({}, { recalled: new Map([[id, scene.world.now]]) });
    const { origin } = await client.get();
    for (let time = 0; time < 6; time += 1) {
      expect((await client.get()).origin).toBe(origin);
    }
  });
});

describe("an embedded pin", () => {
  it("goes out instead of the value, and comes back", async ({ expect }) => {
    const scene = await learning("embed");
    const client = scene.client();
    const { origin, instead } = await client.get(setting("SID=a.b~c; Path=/; HttpOnly"));
    expect(instead).toEqual([
      {
        kind: "cookie",
        name: "SID",
        line: expect.stringMatching(/^SID=[\w-]{99}~a\.b~c; Path=\/; HttpOnly$/),
      },
    ]);
    for (let time = 0; time < 4; time += 1) {
      expect(await client.get()).toMatchObject({ outcome: "hit", origin });
    }
  });

  it("stays when a path that makes no pin repeats the value", async ({ expect }) => {
    const scene = await learning("embed");
    const client = scene.client();
    const { origin } = await client.get(setting("SID=abc"));
    const skipped = await client.get({ ...setting("SID=abc; Max-Age=60"), isSkipped: true });
    expect(skipped).toMatchObject({ outcome: "hit", origin });
    expect(await client.get()).toMatchObject({ outcome: "hit", origin });
  });

  it("is left out when the cookie would be too long for a browser", async ({ expect }) => {
    const scene = await learning("embed");
    const long = await scene.client().get(setting(`SID=${"x".repeat(4_000)}`));
    expect(long.instead).toEqual([]);
  });

  it("in a header is wrapped, too", async ({ expect }) => {
    const scene = await makeScene({
      affinity: [{ by: "header", name: "x-session", pin: "embed" }],
    });
    const { origin, instead } = await scene.client().get({ answer: [["x-session", "abc"]] });
    const [one] = instead;
    if (one?.kind !== "header") throw new Error("no header");
    expect(one.value).toMatch(/^[\w-]{99}~abc$/);
    expect(await scene.client().get({ headers: { "x-session": one.value } })).toMatchObject({
      outcome: "hit",
      origin,
    });
  });
});
