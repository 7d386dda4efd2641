import { once } from "node:events";
import { afterEach, describe, it } from "vitest";
import type { Fault } from "../kit/origins.ts";
import { headerOf } from "../kit/raw-http.ts";
import {
  clientOn,
  clientsOn,
  originOf,
  outcomeOf,
  startScene,
  stopScenes,
  tally,
  visit,
  visitsOf,
} from "./failover-scene.ts";

afterEach(stopScenes);

describe("a lost session", () => {
  const faults: [string, Fault][] = [
    ["refuses connections", { mode: "refuse" }],
    ["resets them", { mode: "reset" }],
    ["never answers", { mode: "hang" }],
    ["answers later than the timeout", { mode: "slow-headers", ms: 3_000 }],
    ["answers 502", { mode: "status", status: 502 }],
    ["answers 503", { mode: "status", status: 503 }],
    ["answers 504", { mode: "status", status: 504 }],
  ];

  it.for(faults)("moves in the same request when its origin %s", async ([, fault], { expect }) => {
    const scene = await startScene({
      origins: { a: {}, b: {} },
      pool: { failover: { timeout: "700ms" } },
    });
    const client = await clientOn(scene, "a");
    await scene.origin("a").fail(fault);
    const answer = await client.get("/page");
    expect(originOf(answer)).toBe("b");
    expect(outcomeOf(answer)).toBe("moved");
    expect(await visit(client)).toBe("b");
    expect(visitsOf(scene.origin("a"))).toBeLessThanOrEqual(2);
  });

  it.for([200, 304, 404, 500, 501])(
    "stays when its origin answers %i",
    async (status, { expect }) => {
      const scene = await startScene({ origins: { a: {}, b: {} } });
      const client = await clientOn(scene, "a");
      scene.origin("b").clear();
      for (let n = 0; n < 4; n++) {
        expect((await client.get(`/status/${status}`)).status).toBe(status);
      }
      expect(scene.origin("b").requests).toEqual([]);
      expect(await visit(client)).toBe("a");
    },
  );

  it("stays when its origin dies in the middle of a body, which the client can tell", async ({
    expect,
  }) => {
    const scene = await startScene({ origins: { a: {}, b: {} } });
    const client = await clientOn(scene, "a");
    scene.origin("b").clear();
    await scene.origin("a").fail({ mode: "die-mid-body" });
    const answer = await client.get("/");
    expect([answer.status, answer.complete]).toEqual([200, false]);
    expect(scene.origin("b").requests).toEqual([]);
    await scene.origin("a").heal();
    expect(await visit(client)).toBe("a");
  });

  it("keeps nothing of the failed attempt: no header, no cookie, no learned ID", async ({
    expect,
  }) => {
    const broken = "a";
    const home = "b";
    const scene = await startScene({
      origins: { a: {}, b: {} },
      pool: {
        affinity: [{ by: "app-cookie", name: "JSESSIONID", pin: "map" }, { by: "cookie" }],
      },
      handler: (_request, response, { name }) => {
        const status = name === broken ? 503 : 200;
        const cookies = [`JSESSIONID=of-${name}; Path=/`, `tracker=${name}; Path=/`];
        response.writeHead(status, { "set-cookie": cookies, [`x-made-by-${name}`]: "yes" });
        response.end(JSON.stringify({ origin: name }));
        return true;
      },
    });
    // Whichever origin balancing picks first, only the healthy one's words arrive.
    for (let n = 0; n < 4; n++) {
      const visitor = scene.newClient();
      const answer = await visitor.get("/");
      expect(originOf(answer)).toBe(home);
      expect(headerOf(answer, `x-made-by-${broken}`)).toBeUndefined();
      expect(visitor.cookies.get("JSESSIONID")).toBe(`of-${home}`);
      expect(visitor.cookies.get("tracker")).toBe(home);
      expect(answer.setCookies.filter((line) => line.startsWith("JSESSIONID="))).toHaveLength(1);
      expect(answer.setCookies.filter((line) => line.startsWith("affinity"))).toHaveLength(1);
    }
    expect(visitsOf(scene.origin(broken))).toBe(2);
    const { sessions } = (await scene.admin("GET", "/api/sessions?by=app-cookie")).json<{
      sessions: { origin: string }[];
    }>();
    expect(sessions.map(({ origin }) => origin)).toEqual([home]);
  });

  it.for([
    ["cookie", {}, "repin"],
    ["header", {}, "repin"],
    ["cookie", { lease: "0s" }, "repin"],
    ["cookie", { record: "return" }, "repin"],
    ["cookie", { record: "never" }, "repin"],
    ["cookie", {}, "detour"],
    ["header", {}, "detour"],
  ] as const)(
    "goes to one origin under 50 parallel requests (by %s, %j, %s)",
    async ([by, sessions, on_lost], { expect }) => {
      const affinity = by === "cookie" ? ["cookie"] : [{ by: "header", name: "x-session" }];
      const scene = await startScene({
        origins: { a: {}, b: {}, c: {}, d: {}, e: {} },
        pool: { affinity, sessions, failover: { on_lost } },
      });
      const headers = by === "cookie" ? {} : { "x-session": "only-one" };
      const client = scene.newClient();
      const home = await visit(client, "/", { headers });
      const cookie = client.cookieHeader;
      await scene.origin(home).fail({ mode: "refuse" });
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, n) =>
          scene.newClient().get(`/${n}`, by === "cookie" ? { cookie } : headers),
        ),
      );
      const refuges = new Set(answers.map(originOf));
      expect(refuges.size).toBe(1);
      expect(refuges).not.toContain(home);
      const listed = (await scene.admin("GET", "/api/sessions")).json<{
        sessions: { origin: string }[];
      }>();
      const pins = listed.sessions.map(({ origin }) => origin);
      const known = "record" in sessions && sessions.record === "never" ? [] : [...refuges];
      expect(pins).toEqual(on_lost === "repin" ? known : [home]);
    },
  );

  it("moves with a WebSocket too, whose 101 brings the new pin", async ({ expect }) => {
    const scene = await startScene({ origins: { a: {}, b: {} } });
    const client = await clientOn(scene, "a");
    await scene.origin("a").fail({ mode: "refuse" });
    const socket = await client.webSocket("/live");
    const answer = once(socket, "message");
    socket.send("whoami");
    expect(String((await answer)[0])).toBe("b");
    socket.terminate();
    await scene.origin("a").heal();
    expect(await visit(client)).toBe("b");
  });

  it("spreads with the others of a dead origin over all that are left, by weight", async ({
    expect,
  }) => {
    const scene = await startScene({
      origins: { dead: { weight: 20 }, b: { weight: 1 }, c: { weight: 2 }, d: { weight: 1 } },
    });
    const lost = await clientsOn(scene, "dead", 160);
    await scene.origin("dead").fail({ mode: "refuse" });
    const counts = tally(await Promise.all(lost.map((client) => visit(client))));
    expect(counts["dead"]).toBeUndefined();
    expect(Math.abs((counts["b"] ?? 0) - 40)).toBeLessThanOrEqual(16);
    expect(Math.abs((counts["c"] ?? 0) - 80)).toBeLessThanOrEqual(16);
    expect(Math.abs((counts["d"] ?? 0) - 40)).toBeLessThanOrEqual(16);
  });

  it("prefers an origin of the same version, and takes any other when there is none", async ({
    expect,
  }) => {
    const scene = await startScene({
      origins: {
        old1: { version: "v1" },
        new1: { version: "v2" },
        old2: { version: "v1" },
        new2: { version: "v2" },
      },
      pool: { failover: { retries: 3 } },
    });
    const lost = await clientsOn(scene, "old1", 12);
    await scene.origin("old1").fail({ mode: "refuse" });
    for (const client of lost) expect(await visit(client)).toBe("old2");
    await scene.origin("old2").fail({ mode: "refuse" });
    for (const client of lost) expect(await visit(client)).toMatch(/^new/);
  });
});
