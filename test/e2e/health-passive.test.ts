import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, it } from "vitest";
import { headerOf, openRaw } from "../kit/raw-http.ts";
import type { Client } from "../kit/jar.ts";
import {
  clientOn,
  codeOf,
  startScene,
  stopScenes,
  until,
  visit,
  type Scene,
} from "./failover-scene.ts";

afterAll(stopScenes);

/** Sessions of a failing origin take a detour: so its requests show whether it is still asked. */
function scenes(passive: object, more: Record<string, object> = {}): Promise<Scene> {
  return startScene({
    origins: { a: {}, b: {}, ...more },
    pool: {
      failover: { on_lost: "detour" },
      health: { passive: { failures: 3, window: "10s", eject: "1s", ...passive } },
    },
  });
}

/** How many of `count` requests of a client its origin is asked. */
async function asked(scene: Scene, client: Client, count: number): Promise<number> {
  const before = scene.origin("a").requests.length;
  for (let n = 0; n < count; n++) await client.get("/");
  return scene.origin("a").requests.length - before;
}

describe("passive health", { concurrent: true }, () => {
  it.for([502, 503, 504])(
    "ejects after three answers of %i in a row",
    async (status, { expect }) => {
      const scene = await scenes({});
      const client = await clientOn(scene, "a");
      await scene.origin("a").fail({ mode: "status", status });
      expect(await asked(scene, client, 6)).toBe(3);
      await until(async () => (await scene.look("a")).health === "down", 900);
      expect((await scene.look("b")).health).toBe("up");
    },
  );

  it("lets one good answer start the count anew", async ({ expect }) => {
    const scene = await scenes({});
    const client = await clientOn(scene, "a");
    for (let round = 0; round < 3; round++) {
      await scene.origin("a").fail({ mode: "status", status: 503 });
      expect(await asked(scene, client, 2)).toBe(2);
      await scene.origin("a").heal();
      expect(await visit(client)).toBe("a");
    }
    expect((await scene.look("a")).health).toBe("up");
  });

  it("forgets failures that are older than the window", async ({ expect }) => {
    const scene = await scenes({ window: "1s" });
    const client = await clientOn(scene, "a");
    await scene.origin("a").fail({ mode: "status", status: 503 });
    expect(await asked(scene, client, 2)).toBe(2);
    await sleep(1_200);
    expect(await asked(scene, client, 2)).toBe(2);
    expect((await scene.look("a")).health).toBe("up");
  });

  it("tries again after the ejection, and ejects for longer when that fails too", async ({
    expect,
  }) => {
    const scene = await scenes({});
    const client = await clientOn(scene, "a");
    const origin = scene.origin("a");
    await origin.fail({ mode: "status", status: 503 });
    const untilAskedAgain = async (): Promise<number> => {
      while ((await asked(scene, client, 1)) > 0);
      return until(async () => (await asked(scene, client, 1)) > 0);
    };
    const first = await untilAskedAgain();
    const second = await untilAskedAgain();
    expect(first).toBeGreaterThan(800);
    expect(second).toBeGreaterThan(1_750);
    expect(first).toBeLessThan(second);
    await origin.heal();
    await until(async () => (await visit(client)) === "a");
    await until(async () => (await scene.look("a")).health === "up");
  });

  it("ejects at most max_ejected of the pool", async ({ expect }) => {
    const scene = await scenes({ eject: "20s", max_ejected: 0.5 }, { c: {}, d: {} });
    const pinned = [];
    for (const name of ["a", "b", "c"]) pinned.push(await clientOn(scene, name));
    for (const name of ["a", "b", "c"]) {
      await scene.origin(name).fail({ mode: "status", status: 503 });
    }
    for (let n = 0; n < 5; n++) for (const client of pinned) await client.get("/");
    await sleep(300);
    const views = await Promise.all(["a", "b", "c", "d"].map((name) => scene.look(name)));
    expect(views.filter(({ health }) => health === "down")).toHaveLength(2);
  });

  it("counts no 404, no 500, no 501", async ({ expect }) => {
    const scene = await scenes({});
    const client = await clientOn(scene, "a");
    for (const status of [404, 500, 501, 429]) {
      await scene.origin("a").fail({ mode: "status", status });
      expect(await asked(scene, client, 5)).toBe(5);
    }
    expect((await scene.look("a")).health).toBe("up");
  });

  it("counts no client that goes away", async ({ expect }) => {
    const scene = await scenes({});
    const client = await clientOn(scene, "a");
    for (let n = 0; n < 8; n++) {
      const connection = await openRaw(scene.router.url);
      connection.write(
        `GET /slow?ms=400 HTTP/1.1\r\nHost: x\r\nCookie: ${client.cookieHeader}\r\n\r\n`,
      );
      await until(() => scene.origin("a").requests.filter(({ url }) => url !== "/").length > n);
      connection.destroy();
    }
    await sleep(500);
    expect((await scene.look("a")).health).toBe("up");
    expect(await asked(scene, client, 3)).toBe(3);
  });

  it("counts failures of requests that may not be retried", async ({ expect }) => {
    const scene = await scenes({});
    const client = await clientOn(scene, "a");
    await scene.origin("a").fail({ mode: "status", status: 503 });
    for (let n = 0; n < 3; n++) expect((await client.post("/", "x")).status).toBe(503);
    expect(await asked(scene, client, 3)).toBe(0);
  });

  it("is shared: an isolate that starts later asks the ejected origin nothing", async ({
    expect,
  }) => {
    const scene = await scenes({ eject: "20s" });
    const client = await clientOn(scene, "a");
    await scene.origin("a").fail({ mode: "status", status: 503 });
    expect(await asked(scene, client, 3)).toBe(3);
    await until(async () => (await scene.look("a")).health === "down");
    await scene.router.kill9();
    await scene.router.restart();
    expect(await asked(scene, client, 3)).toBe(0);
    expect(await asked(scene, scene.newClient(), 3)).toBe(0);
  });

  it("answers 503 at once when all are ejected, and recovers without help", async ({ expect }) => {
    const scene = await scenes({ eject: "3s", max_ejected: 1 });
    const client = await clientOn(scene, "a");
    await scene.origin("a").fail({ mode: "refuse" });
    await scene.origin("b").fail({ mode: "refuse" });
    for (let n = 0; n < 4; n++) await client.get("/");
    for (const visitor of [client, scene.newClient()]) {
      const answer = await visitor.get("/");
      expect([answer.status, codeOf(answer)]).toEqual([503, "no_origin"]);
      expect(Number(headerOf(answer, "retry-after"))).toBeGreaterThan(0);
      expect(answer.setCookies).toEqual([]);
    }
    await scene.origin("a").heal();
    await scene.origin("b").heal();
    await until(async () => (await client.get("/")).status === 200);
    expect(await visit(client)).toBe("a");
  });
});
