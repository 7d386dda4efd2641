import { afterAll, beforeAll, beforeEach, describe, it } from "vitest";
import { Client } from "../kit/jar.ts";
import { headerOf } from "../kit/raw-http.ts";
import { startScene, stopScenes, type OriginView, type Scene } from "./failover-scene.ts";

const names = ["a", "b", "c", "d", "e", "f"];
const path = "/api/pools/shop/origins/a";
let scene: Scene;

beforeAll(async () => {
  scene = await startScene({ origins: Object.fromEntries(names.map((name) => [name, {}])) });
});
beforeEach(async () => {
  await Promise.all(names.map((name) => scene.patch(name, { state: null, weight: null })));
});
afterAll(stopScenes);

describe("PATCH of an origin", () => {
  it.for([
    ["state", { state: "paused" }],
    ["state", { state: 1 }],
    ["state", { state: "" }],
    ["weight", { weight: -1 }],
    ["weight", { weight: 1001 }],
    ["weight", { weight: 1.5 }],
    ["weight", { weight: "2" }],
    ["deadline", { state: "draining", deadline: "soon" }],
    ["deadline", { state: "draining", deadline: "0s" }],
    ["deadline", { state: "draining", deadline: "999ms" }],
    ["deadline", { state: "draining", deadline: "-5m" }],
    ["deadline", { state: "draining", deadline: 300 }],
    ["weight", { state: "draining", weight: -1 }],
    ["draining", { draining: true }],
    ["tier", { state: "draining", tier: 1 }],
  ] as const)("is refused, naming %s: %j", async ([field, change], { expect }) => {
    const answer = await scene.admin("PATCH", path, change);
    expect(answer.status).toBe(400);
    expect(headerOf(answer, "content-type")).toContain("application/problem+json");
    expect(answer.json<{ detail: string }>().detail).toContain(field);
    // Nothing of it is applied.
    expect(await scene.look("a")).toMatchObject({ state: "active", weight: 1, drain: null });
  });

  it.for(["", "{", "[]", "null", '"draining"', "{}"])(
    "is refused when its body is %j",
    async (body, { expect }) => {
      const client = new Client(scene.router.url, {
        headers: { authorization: "Bearer only-for-tests-admin-token" },
      });
      const answer = await client.request(`/__limpet${path}`, {
        method: "PATCH",
        headers: { "content-type": "application/json" },
        body,
      });
      expect(answer.status).toBe(400);
      expect(headerOf(answer, "content-type")).toContain("application/problem+json");
    },
  );

  it.for(["/api/pools/shop/origins/zz", "/api/pools/zz/origins/a", "/api/pools/shop/origins/A"])(
    "is 404 for %s",
    async (path, { expect }) => {
      expect((await scene.admin("PATCH", path, { state: "draining" })).status).toBe(404);
    },
  );

  it("asks for the token, and other methods for PATCH", async ({ expect }) => {
    const stranger = new Client(scene.router.url);
    const body = JSON.stringify({ state: "disabled" });
    const answer = await stranger.request(`/__limpet${path}`, { method: "PATCH", body });
    expect(answer.status).toBe(401);
    const put = await scene.admin("PUT", path, { state: "disabled" });
    expect([put.status, headerOf(put, "allow")?.includes("PATCH")]).toEqual([405, true]);
    expect((await scene.look("a")).state).toBe("active");
  });

  it("loses none of many at the same time, on many origins and fields", async ({ expect }) => {
    const answers = await Promise.all(
      names.flatMap((name, at) => [
        scene.admin("PATCH", `/api/pools/shop/origins/${name}`, { weight: 10 + at }),
        scene.admin("PATCH", `/api/pools/shop/origins/${name}`, { state: "draining" }),
      ]),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    const views = await Promise.all(names.map((name) => scene.look(name)));
    expect(views.map(({ weight }) => weight)).toEqual(names.map((_, at) => 10 + at));
    expect(views.map(({ state }) => state)).toEqual(names.map(() => "draining"));
  });

  it("leaves one whole change when many race for one origin", async ({ expect }) => {
    const changes = Array.from({ length: 20 }, (_, n) =>
      n % 2 ? { state: "disabled", weight: 100 } : { state: "active", weight: 200 },
    );
    const answers = await Promise.all(changes.map((change) => scene.admin("PATCH", path, change)));
    const seen = [...answers.map((answer) => answer.json<OriginView>()), await scene.look("a")];
    for (const { state, weight } of seen) expect(changes).toContainEqual({ state, weight });
  });

  it("refuses a deadline that no date can hold, and the pool can still be read", async ({
    expect,
  }) => {
    const own = await startScene({ origins: { a: {}, b: {} } });
    const change = { state: "draining", deadline: "99999999d" };
    const answer = await own.admin("PATCH", path, change);
    expect(answer.status).toBe(400);
    expect(answer.json<{ detail: string }>().detail).toContain("deadline");
    expect((await own.admin("GET", "/api/pools")).status).toBe(200);
  });

  it("is told in the events with what was changed: a deadline too", async ({ expect }) => {
    await scene.patch("c", { state: "draining" });
    await scene.patch("c", { deadline: "1h" });
    const { events } = (await scene.admin("GET", "/api/events")).json<{
      events: { cause: string }[];
    }>();
    expect(events[0]?.cause).toContain("deadline");
  });

  it("is told in the events, in order", async ({ expect }) => {
    await scene.patch("b", { state: "draining" });
    await scene.patch("b", { state: "disabled" });
    await scene.patch("b", { weight: 9 });
    const { events } = (await scene.admin("GET", "/api/events")).json<{
      events: { time: string; kind: string; cause: string; origin: string }[];
    }>();
    // A drain that begins or is undone by it has an event of its own.
    const changes = events.filter(({ kind }) => kind === "state changed");
    const causes = changes.slice(0, 3).map(({ origin, cause }) => `${origin} ${cause}`);
    expect(causes.map((cause) => /draining|disabled|9/.exec(cause)?.[0])).toEqual([
      "9",
      "disabled",
      "draining",
    ]);
    const times = events.map(({ time }) => Date.parse(time));
    expect(times).toEqual(times.toSorted((one, other) => other - one));
  });
});
