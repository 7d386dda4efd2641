import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, it } from "vitest";
import type { OriginHandler } from "../kit/origins.ts";
import { headerOf } from "../kit/raw-http.ts";
import {
  clientOn,
  codeOf,
  eventAt,
  startScene,
  stopScenes,
  until,
  visit,
  visitsOf,
  type Scene,
} from "./failover-scene.ts";

afterAll(stopScenes);

const probing = { path: "/healthz", interval: "1s", timeout: "300ms", rise: 2, fall: 2 };

/** Origins whose health page answers what `pages` says, everything else as ever. */
function paged(pages: Record<string, number>): OriginHandler {
  return (request, response, { name }) => {
    if (request.url !== "/healthz") return false;
    const status = pages[name] ?? 200;
    response.writeHead(status, status === 302 ? { location: "/elsewhere" } : {}).end();
    return true;
  };
}

const probesOf = (scene: Scene, name: string): number =>
  scene.origin(name).requests.length - visitsOf(scene.origin(name));

const healthOf = async (scene: Scene, name: string): Promise<string> =>
  (await scene.look(name)).health;

describe("active health", { concurrent: true }, () => {
  it("goes down after `fall` bad probes and up after `rise` good ones", async ({ expect }) => {
    const pages: Record<string, number> = {};
    const scene = await startScene({
      origins: { a: {}, b: {} },
      pool: { health: probing },
      handler: paged(pages),
    });
    await visit(scene.newClient());
    await until(() => probesOf(scene, "a") > 0 && probesOf(scene, "b") > 0);
    expect(await healthOf(scene, "a")).toBe("up");
    for (const [status, health] of [[500, "down"] as const, [200, "up"] as const]) {
      const before = probesOf(scene, "a");
      pages["a"] = status;
      await until(async () => (await healthOf(scene, "a")) === health);
      const needed = probesOf(scene, "a") - before;
      expect([2, 3]).toContain(needed);
    }
    expect(await healthOf(scene, "b")).toBe("up");
    const events = (await scene.admin("GET", "/api/events")).json<{ events: object[] }>().events;
    expect(events.filter((event) => JSON.stringify(event).includes('"a"'))).toHaveLength(2);
  });

  it("sends no client data, and a plain GET of the path", async ({ expect }) => {
    const scene = await startScene({ origins: { a: {} }, pool: { health: probing } });
    const client = scene.newClient();
    client.setCookie("secret", "of-a-client");
    for (let n = 0; n < 3; n++) {
      await client.get("/?private=1", { authorization: "Basic eA==", "x-user": "ann" });
    }
    await until(() => probesOf(scene, "a") >= 2);
    const probes = scene.origin("a").requests.filter(({ url }) => url === "/healthz");
    for (const { method, headers, body } of probes) {
      expect([method, body.length]).toEqual(["GET", 0]);
      const names = headers.map(([name]) => name.toLowerCase());
      for (const secret of ["cookie", "authorization", "x-user", "forwarded", "x-forwarded-for"]) {
        expect(names).not.toContain(secret);
      }
      expect(JSON.stringify(headers)).not.toMatch(/198\.18\.|of-a-client|AFFINITY|only-for-tests/i);
    }
  });

  it("follows no redirect: a 302 is not a 2xx, but is within 200-399", async ({ expect }) => {
    const pages = { a: 302, b: 200 };
    const scene = await startScene({
      origins: { a: {}, b: {} },
      pool: { health: probing },
      handler: paged(pages),
    });
    const lenient = await startScene({
      origins: { a: {}, b: {} },
      pool: { health: { ...probing, expect: "200-399" } },
      handler: paged(pages),
    });
    await Promise.all([visit(scene.newClient()), visit(lenient.newClient())]);
    await until(async () => (await healthOf(scene, "a")) === "down");
    await until(() => probesOf(lenient, "a") >= 3);
    expect(await healthOf(lenient, "a")).toBe("up");
    const urls = [scene, lenient].flatMap((each) =>
      each.origin("a").requests.map(({ url }) => url),
    );
    expect(urls).not.toContain("/elsewhere");
  });

  it("expects the statuses that are listed, and no other", async ({ expect }) => {
    const scene = await startScene({
      origins: { a: {}, b: {} },
      pool: { health: { ...probing, expect: [204, 418] } },
      handler: paged({ a: 200, b: 418 }),
    });
    await visit(scene.newClient());
    await until(async () => (await healthOf(scene, "a")) === "down");
    expect(await healthOf(scene, "b")).toBe("up");
  });

  it("takes a probe that is later than its timeout for a bad one", async ({ expect }) => {
    const scene = await startScene({ origins: { a: {}, b: {} }, pool: { health: probing } });
    await visit(scene.newClient());
    await scene.origin("a").fail({ mode: "slow-headers", ms: 900 });
    await until(async () => (await healthOf(scene, "a")) === "down");
    expect(await healthOf(scene, "b")).toBe("up");
  });

  it("moves sessions of an origin that is down before any request of theirs fails", async ({
    expect,
  }) => {
    const pages: Record<string, number> = {};
    const scene = await startScene({
      origins: { a: {}, b: {} },
      pool: { health: probing },
      handler: paged(pages),
    });
    const client = await clientOn(scene, "a");
    pages["a"] = 500;
    await until(async () => (await healthOf(scene, "a")) === "down");
    const before = visitsOf(scene.origin("a"));
    const took = await until(async () => (await visit(client)) === "b");
    expect(took).toBeLessThan(6_000);
    expect(eventAt(scene.origin("b"))).toBeDefined();
    const lastVisits = visitsOf(scene.origin("a"));
    expect(lastVisits).toBeGreaterThanOrEqual(before);
    for (let n = 0; n < 6; n++) expect(await visit(scene.newClient())).toBe("b");
    expect(visitsOf(scene.origin("a"))).toBe(lastVisits);
    pages["a"] = 200;
    await until(async () => (await healthOf(scene, "a")) === "up");
    await until(async () => (await visit(scene.newClient())) === "a");
    expect(await visit(client)).toBe("b");
  });

  it("answers 503 at once when all are down, and recovers without help", async ({ expect }) => {
    const scene = await startScene({
      origins: { a: {}, b: {} },
      pool: { health: { ...probing, fall: 1, rise: 1 } },
    });
    const client = await clientOn(scene, "a");
    const cookie = client.cookieHeader;
    const names = ["a", "b"];
    for (const name of names) await scene.origin(name).fail({ mode: "hang" });
    for (const name of names) await until(async () => (await healthOf(scene, name)) === "down");
    // Nobody asks until the view is old: then the first request refreshes it.
    await sleep(5_200);
    await Promise.race([scene.newClient().get("/", {}), sleep(300)]).catch(() => undefined);
    await sleep(300);
    const start = Date.now();
    for (const visitor of [client, scene.newClient()]) {
      const answer = await visitor.get("/");
      expect([answer.status, codeOf(answer)]).toEqual([503, "no_origin"]);
      expect(Number(headerOf(answer, "retry-after"))).toBeGreaterThan(0);
      expect(answer.setCookies).toEqual([]);
      expect(answer.text).not.toMatch(/127\.0\.0\.1|"a"|"b"/);
    }
    expect(Date.now() - start).toBeLessThan(1_000);
    expect(client.cookieHeader).toBe(cookie);
    for (const name of names) await scene.origin(name).heal();
    await until(async () => (await client.get("/")).status === 200, 10_000);
    expect(await visit(client)).toBe("a");
  });

  it("begins and goes on without a request, over a restart", async ({ expect }) => {
    const options = { origins: { a: {}, b: {} }, pool: { health: probing } };
    const scene = await startScene(options);
    await visit(scene.newClient());
    await until(() => probesOf(scene, "a") >= 1);
    await scene.origin("a").fail({ mode: "refuse" });
    await until(async () => (await healthOf(scene, "a")) === "down");
    await scene.router.kill9();
    await scene.router.restart();
    expect(await healthOf(scene, "a")).toBe("down");
    await scene.origin("a").heal();
    await until(async () => (await healthOf(scene, "a")) === "up");
  });
});
