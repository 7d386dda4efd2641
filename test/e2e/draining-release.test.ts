import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, it } from "vitest";
import {
  clientsOn,
  eventAt,
  originOf,
  outcomeOf,
  startScene,
  stopScenes,
  tally,
  visit,
} from "./failover-scene.ts";

afterAll(stopScenes);

const three = { a: {}, b: {}, c: {} };

async function listed(scene: { admin: Awaited<ReturnType<typeof startScene>>["admin"] }) {
  const { sessions } = (await scene.admin("GET", "/api/sessions?limit=100")).json<{
    sessions: { origin: string }[];
  }>();
  return tally(sessions.map(({ origin }) => origin));
}

describe("DELETE /api/sessions?origin=", { concurrent: true }, () => {
  it("releases all sessions of that origin at once, and no other", async ({ expect }) => {
    const scene = await startScene({ origins: three });
    const onA = await clientsOn(scene, "a", 6);
    const onB = await clientsOn(scene, "b", 3);
    const { generation, sessions } = await scene.look("a");
    expect(sessions).toBeGreaterThanOrEqual(6);
    // For 2 s the first requests of one client belong together.
    await sleep(2_100);
    const answer = await scene.admin("DELETE", "/api/sessions?origin=a");
    expect(answer.json()).toEqual({ released: sessions });
    expect((await scene.look("a")).generation).toBeGreaterThan(generation);
    const homes: string[] = [];
    for (const client of onA) {
      const first = await client.get("/");
      expect(["new", "moved"]).toContain(outcomeOf(first));
      expect(first.setCookies).toHaveLength(1);
      homes.push(originOf(first));
      if (originOf(first) !== "a") {
        expect(eventAt(scene.origin(originOf(first)))).toBe("moved; from=a; reason=released");
      }
      expect(await visit(client)).toBe(originOf(first));
    }
    // Balancing, not the old pin, chose their origins.
    expect(tally(homes)).toEqual({ a: 2, b: 2, c: 2 });
    for (const client of onB) {
      const kept = await client.get("/");
      expect([originOf(kept), outcomeOf(kept)]).toEqual(["b", "hit"]);
    }
  });

  it("leaves none of them in the list and in the count", async ({ expect }) => {
    const scene = await startScene({ origins: three });
    await clientsOn(scene, "a", 4);
    const { a = 0, ...others } = await listed(scene);
    expect(a).toBe(4);
    await scene.admin("DELETE", "/api/sessions?origin=a");
    expect(await listed(scene)).toEqual(others);
    expect((await scene.look("a")).sessions).toBe(0);
    expect((await scene.admin("DELETE", "/api/sessions?origin=a")).json()).toEqual({ released: 0 });
  });

  it("releases sessions of the map too", async ({ expect }) => {
    const scene = await startScene({
      origins: { a: {}, b: {}, c: {}, d: {} },
      pool: { affinity: [{ by: "header", name: "x-session" }] },
    });
    const keys = Array.from({ length: 40 }, (_, n) => ({ "x-session": `s-${n}` }));
    const visits = async (): Promise<string[]> => {
      const seen = [];
      for (const headers of keys) seen.push(await visit(scene.newClient(), "/", { headers }));
      return seen;
    };
    const before = await visits();
    expect(await visits()).toEqual(before);
    await scene.admin("DELETE", "/api/sessions?origin=a");
    const after = await visits();
    expect(tally(after)["a"] ?? 0).toBeLessThan(8);
    for (const [at, home] of before.entries()) if (home !== "a") expect(after[at]).toBe(home);
    expect(await visits()).toEqual(after);
  });

  it("holds over kill -9: no released cookie is believed again", async ({ expect }) => {
    const scene = await startScene({ origins: three });
    const pinned = await clientsOn(scene, "a", 3);
    await scene.admin("DELETE", "/api/sessions?origin=a");
    await scene.router.kill9();
    await scene.router.restart();
    for (const client of pinned) expect(outcomeOf(await client.get("/"))).not.toBe("hit");
  });

  it("needs a filter, and one that exists", async ({ expect }) => {
    const scene = await startScene({ origins: three });
    expect((await scene.admin("DELETE", "/api/sessions")).status).toBe(400);
    expect((await scene.admin("DELETE", "/api/sessions?nonsense=a")).status).toBe(400);
    const unknown = await scene.admin("DELETE", "/api/sessions?origin=zz");
    expect([400, 404]).toContain(unknown.status);
  });

  it("releases a whole pool", async ({ expect }) => {
    const scene = await startScene({ origins: three });
    const pinned = [
      ...(await clientsOn(scene, "a", 1)),
      ...(await clientsOn(scene, "b", 1)),
      ...(await clientsOn(scene, "c", 1)),
    ];
    const answer = await scene.admin("DELETE", "/api/sessions?pool=shop");
    expect(answer.json<{ released: number }>().released).toBeGreaterThanOrEqual(3);
    for (const client of pinned) expect(outcomeOf(await client.get("/"))).not.toBe("hit");
    await sleep(50);
    for (const client of pinned) expect(outcomeOf(await client.get("/"))).toBe("hit");
  });
});
