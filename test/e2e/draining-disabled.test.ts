import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, it } from "vitest";
import {
  clientOn,
  clientsOn,
  codeOf,
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

describe("a disabled origin", { concurrent: true }, () => {
  it("gives up its sessions with their next request, and gets no request at all", async ({
    expect,
  }) => {
    const scene = await startScene({ origins: three });
    const pinned = await clientsOn(scene, "a", 4);
    const view = await scene.patch("a", { state: "disabled" });
    expect(view).toMatchObject({ state: "disabled", drain: null });
    scene.origin("a").clear();
    for (const client of pinned) {
      const answer = await client.get("/");
      const home = originOf(answer);
      expect(outcomeOf(answer)).toBe("moved");
      expect(answer.setCookies).toHaveLength(1);
      expect(eventAt(scene.origin(home))).toBe("moved; from=a; reason=disabled");
      expect(await visit(client)).toBe(home);
    }
    expect((await spread(scene, 9))["a"]).toBeUndefined();
    await scene.patch("a", { state: "active" });
    for (const client of pinned) expect(await visit(client)).not.toBe("a");
    expect((await spread(scene, 9))["a"]).toBeGreaterThan(0);
  });

  it("moves a session by POST too: it was not sent anywhere yet", async ({ expect }) => {
    const scene = await startScene({ origins: three });
    const client = await clientOn(scene, "a");
    await scene.patch("a", { state: "disabled" });
    const answer = await client.post("/order", "one");
    expect(originOf(answer)).not.toBe("a");
    expect(await visit(client)).toBe(originOf(answer));
  });

  it("moves one session once under parallel requests", async ({ expect }) => {
    const scene = await startScene({ origins: { ...three, d: {}, e: {} } });
    const client = await clientOn(scene, "a");
    const { cookieHeader: cookie } = client;
    await scene.patch("a", { state: "disabled" });
    const homes = await Promise.all(
      Array.from({ length: 50 }, () => visit(scene.newClient(), "/", { headers: { cookie } })),
    );
    expect(new Set(homes).size).toBe(1);
  });

  it("moves sessions that would take a detour from a failing one: it is not coming back", async ({
    expect,
  }) => {
    const scene = await startScene({ origins: three, pool: { failover: { on_lost: "detour" } } });
    const client = await clientOn(scene, "a");
    await scene.patch("a", { state: "disabled" });
    const answer = await client.get("/");
    expect(outcomeOf(answer)).toBe("moved");
    expect(answer.setCookies).toHaveLength(1);
    expect((await scene.look("a")).sessions).toBe(0);
  });

  it("is no last resort: with all of them disabled the answer is 503", async ({ expect }) => {
    const scene = await startScene({ origins: { a: {}, b: {} } });
    const client = await clientOn(scene, "a");
    await scene.patch("a", { state: "disabled" });
    await scene.patch("b", { state: "disabled" });
    for (const visitor of [client, scene.newClient()]) {
      const answer = await visitor.get("/");
      expect([answer.status, codeOf(answer)]).toEqual([503, "no_origin"]);
      expect(answer.setCookies).toEqual([]);
    }
    await scene.patch("a", { state: null });
    expect(await visit(client)).toBe("a");
  });
});

describe("the configuration", { concurrent: true }, () => {
  it("drains: pinned sessions stay, new ones go elsewhere, until the deadline", async ({
    expect,
  }) => {
    const scene = await startScene({ origins: three });
    const pinned = await clientsOn(scene, "a", 2);
    await until(async () => (await scene.look("a")).sessions === 2);
    await scene.reconfigure({
      origins: { ...three, a: { state: "draining" } },
      pool: { drain: { deadline: "3s" } },
    });
    for (const client of pinned) expect(await visit(client)).toBe("a");
    expect((await spread(scene, 6))["a"]).toBeUndefined();
    const { state, drain } = await scene.look("a");
    expect([state, drain?.sessions]).toEqual(["draining", 2]);
    expect(Date.parse(drain?.deadline ?? "") - Date.parse(drain?.since ?? "")).toBe(3_000);
    const [first] = pinned;
    if (!first) throw new Error("unreachable");
    await until(async () => (await visit(first)) !== "a", 10_000);
    expect(Date.now()).toBeGreaterThan(Date.parse(drain?.deadline ?? ""));
  });

  it("says none: draining sessions stay until they end", async ({ expect }) => {
    const scene = await startScene({ origins: three, pool: { drain: { deadline: "none" } } });
    const client = await clientOn(scene, "a");
    const { drain } = await scene.patch("a", { state: "draining" });
    expect(drain).toMatchObject({ deadline: null, sessions: 1 });
    await sleep(1_500);
    expect(await visit(client)).toBe("a");
  });

  it("disables, and takes weight 0 for draining", async ({ expect }) => {
    const scene = await startScene({ origins: three });
    const onA = await clientOn(scene, "a");
    const onB = await clientOn(scene, "b");
    await scene.reconfigure({ origins: { a: { weight: 0 }, b: { state: "disabled" }, c: {} } });
    expect(await visit(onA)).toBe("a");
    expect(await visit(onB)).toBe("c");
    expect(await spread(scene, 4)).toEqual({ c: 4 });
  });

  it("changes while the operator's states of the origins that remain stay", async ({ expect }) => {
    const scene = await startScene({ origins: three });
    const onA = await clientOn(scene, "a");
    await scene.patch("a", { state: "draining" });
    await scene.patch("b", { weight: 3 });
    const before = await scene.look("a");
    await scene.reconfigure({ origins: { d: {}, b: { weight: 7 }, a: { weight: 2 } } });
    expect(await scene.look("a")).toMatchObject({ state: "draining", drain: before.drain });
    expect((await scene.look("b")).weight).toBe(3);
    expect(await visit(onA)).toBe("a");
    expect(await spread(scene, 8)).toEqual({ b: 6, d: 2 });
    await scene.patch("b", { weight: null });
    expect((await scene.look("b")).weight).toBe(7);
  });

  it("loses an origin: its sessions move, once", async ({ expect }) => {
    const scene = await startScene({ origins: three });
    const client = await clientOn(scene, "a");
    await scene.reconfigure({ origins: { b: {}, c: {} } });
    const home = await visit(client);
    expect(home).not.toBe("a");
    for (let n = 0; n < 4; n++) expect(await visit(client)).toBe(home);
  });

  it("adds and reorders origins: no session moves", async ({ expect }) => {
    const scene = await startScene({ origins: three });
    const clients = Array.from({ length: 12 }, () => scene.newClient());
    const homes = [];
    for (const client of clients) homes.push(await visit(client));
    await scene.reconfigure({
      origins: { e: { weight: 9 }, c: { weight: 5 }, d: {}, b: {}, a: {} },
    });
    for (const [at, client] of clients.entries()) {
      const answer = await client.get("/");
      expect([originOf(answer), outcomeOf(answer)]).toEqual([homes[at], "hit"]);
    }
  });
});
