import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, it } from "vitest";
import { headerOf } from "../kit/raw-http.ts";
import {
  clientOn,
  codeOf,
  eventAt,
  originOf,
  outcomeOf,
  startScene,
  stopScenes,
  until,
  visit,
} from "./failover-scene.ts";

afterEach(stopScenes);

const health = { passive: { failures: 3, window: "10s", eject: "1s" } };
const three = { a: {}, b: {}, c: {} };

describe("on_lost = repin", () => {
  it("moves the session within the request, and it stays after its origin is back", async ({
    expect,
  }) => {
    const scene = await startScene({ origins: three, pool: { health } });
    const client = await clientOn(scene, "a");
    const before = client.cookieHeader;
    await scene.origin("a").fail({ mode: "refuse" });

    const moved = await client.get("/cart?item=1");
    const refuge = originOf(moved);
    expect(refuge).not.toBe("a");
    expect(outcomeOf(moved)).toBe("moved");
    expect(headerOf(moved, "affinity-status")).toContain(`origin="${refuge}"`);
    expect(moved.setCookies).toHaveLength(1);
    expect(client.cookieHeader).not.toBe(before);
    expect(eventAt(scene.origin(refuge))).toBe("moved; from=a; reason=down");

    const after = await client.get("/");
    expect([originOf(after), outcomeOf(after)]).toEqual([refuge, "hit"]);
    expect(after.setCookies).toEqual([]);
    expect(eventAt(scene.origin(refuge))).toBeUndefined();

    await scene.origin("a").heal();
    await sleep(1_200);
    for (let n = 0; n < 6; n++) expect(await visit(client)).toBe(refuge);
  });

  it("lets a copy of the old cookie follow the session instead of going back", async ({
    expect,
  }) => {
    const scene = await startScene({
      origins: three,
      pool: { health, sessions: { lease: "0s" } },
    });
    const client = await clientOn(scene, "a");
    const old = client.cookieHeader;
    await scene.origin("a").fail({ mode: "refuse" });
    const refuge = await visit(client);
    await scene.origin("a").heal();
    await sleep(1_200);
    const other = scene.newClient();
    expect(await visit(other, "/", { headers: { cookie: old } })).toBe(refuge);
  });

  it("is told in the log, with its reason", async ({ expect }) => {
    const scene = await startScene({ origins: three, pool: { health } });
    const client = await clientOn(scene, "a");
    await scene.origin("a").fail({ mode: "refuse" });
    await visit(client);
    const told = (): boolean =>
      scene.router.log.split("\n").some((line) => /moved/.test(line) && /down/.test(line));
    await until(told, 3_000);
    expect(scene.router.log).not.toContain(client.cookieHeader.split("=")[1]);
  });

  it("tells a new session's origin so, once", async ({ expect }) => {
    const scene = await startScene({ origins: { a: {} } });
    const client = scene.newClient();
    expect(outcomeOf(await client.get("/"))).toBe("new");
    expect(eventAt(scene.origin("a"))).toBe("new");
    expect(outcomeOf(await client.get("/"))).toBe("hit");
    expect(eventAt(scene.origin("a"))).toBeUndefined();
  });

  it("believes no client that says Affinity-Event or Affinity-Status", async ({ expect }) => {
    const scene = await startScene({ origins: { a: {} } });
    const client = await clientOn(scene, "a");
    await client.get("/", { "affinity-event": "moved", "affinity-status": "limpet; moved" });
    const told = scene.origin("a").requests.at(-1);
    expect(told && headerOf(told, "affinity-event")).toBeUndefined();
    expect(told && headerOf(told, "affinity-status")).toBeUndefined();
  });

  it("moves a session that its header names, in the map", async ({ expect }) => {
    const affinity = [{ by: "header", name: "x-session" }];
    const scene = await startScene({ origins: three, pool: { health, affinity } });
    const headers = { "x-session": "s-1" };
    const client = scene.newClient();
    const home = await visit(client, "/", { headers });
    await scene.origin(home).fail({ mode: "reset" });
    const refuge = await visit(client, "/", { headers });
    expect(refuge).not.toBe(home);
    await scene.origin(home).heal();
    await sleep(1_200);
    for (let n = 0; n < 5; n++) {
      expect(await visit(scene.newClient(), "/", { headers })).toBe(refuge);
    }
  });
});

describe("on_lost = detour", () => {
  const pool = { health, failover: { on_lost: "detour" } };

  it("serves elsewhere, keeps the pin, and returns when the origin does", async ({ expect }) => {
    const scene = await startScene({ origins: three, pool });
    const client = await clientOn(scene, "a");
    const before = client.cookieHeader;
    await scene.origin("a").fail({ mode: "refuse" });
    for (let n = 0; n < 6; n++) {
      const answer = await client.get("/");
      expect(originOf(answer)).not.toBe("a");
      expect(outcomeOf(answer)).toBe("detour");
      expect(answer.setCookies).toEqual([]);
    }
    const { sessions } = (await scene.admin("GET", "/api/sessions?origin=a")).json<{
      sessions: unknown[];
    }>();
    expect(sessions).toHaveLength(1);
    await scene.origin("a").heal();
    await until(async () => (await visit(client)) === "a");
    expect(client.cookieHeader).toBe(before);
    for (let n = 0; n < 5; n++) expect(await visit(client)).toBe("a");
  });

  it("returns a session of the map too", async ({ expect }) => {
    const affinity = [{ by: "header", name: "x-session" }];
    const scene = await startScene({ origins: three, pool: { ...pool, affinity } });
    const headers = { "x-session": "s-1" };
    const home = await visit(scene.newClient(), "/", { headers });
    await scene.origin(home).fail({ mode: "status", status: 503 });
    for (let n = 0; n < 5; n++) {
      expect(await visit(scene.newClient(), "/", { headers })).not.toBe(home);
    }
    await scene.origin(home).heal();
    await until(async () => (await visit(scene.newClient(), "/", { headers })) === home);
  });
});

describe("on_lost = refuse", () => {
  const pool = { health, failover: { on_lost: "refuse", refuse_status: 404 } };

  it("answers refuse_status, tries no other origin, and keeps the pin", async ({ expect }) => {
    const scene = await startScene({ origins: three, pool });
    const client = await clientOn(scene, "a");
    const before = client.cookieHeader;
    await scene.origin("a").fail({ mode: "refuse" });
    scene.origin("b").clear();
    scene.origin("c").clear();
    // The first three fail to connect; from the fourth on the origin is known to be down.
    for (let n = 0; n < 6; n++) {
      const answer = await client.get("/");
      expect([answer.status, codeOf(answer)]).toEqual([404, "session_lost"]);
      expect(outcomeOf(answer)).toBe("refused");
      expect(answer.setCookies).toEqual([]);
      expect(answer.text).not.toMatch(/127\.0\.0\.1|"a"/);
    }
    expect([scene.origin("b"), scene.origin("c")].flatMap((each) => each.requests)).toEqual([]);
    await scene.origin("a").heal();
    await until(async () => (await client.get("/")).status === 200);
    expect(await visit(client)).toBe("a");
    expect(client.cookieHeader).toBe(before);
  });

  it("serves clients without a session from the others, none of them refused", async ({
    expect,
  }) => {
    const scene = await startScene({ origins: three, pool });
    await scene.origin("a").fail({ mode: "refuse" });
    for (let n = 0; n < 9; n++) expect(await visit(scene.newClient())).not.toBe("a");
  });
});
