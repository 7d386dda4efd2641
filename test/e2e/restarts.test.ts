import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { OriginAnswer } from "../kit/origin-routes.ts";
import { report } from "../kit/tally.ts";
import { Crowd, sum, type Member } from "./crowd.ts";
import { poolOf, startScene, type Row, type Scene } from "./scene.ts";

interface PoolShown {
  readonly origins: readonly {
    readonly name: string;
    readonly state: string;
    readonly generation: number;
    readonly drain: { readonly since: string; readonly deadline: string | null } | null;
  }[];
}

let scene: Scene;

const learned = { name: "learned", match: ["*/learned*"], affinity: ["app-cookie:SID"] };

beforeAll(async () => {
  scene = await startScene({
    vars: (origins) => ({ POOLS: [poolOf(origins, learned), poolOf(origins)] }),
  });
});

afterAll(() => scene.stop());

const crowd = () => new Crowd(() => scene.client());
const login = (of: string) => (n: number) => `/learned/login?cookie=SID%3D${of}-${n}`;

async function killAndRestart(): Promise<void> {
  await scene.router.kill9();
  await scene.router.restart();
}

const patch = (path: string, body: unknown) =>
  scene.admin.request(`/api${path}`, { method: "PATCH", body: JSON.stringify(body) });

describe("what the router has promised is there after kill -9", () => {
  test("every ID that it let a client have", async ({ expect, task }) => {
    const all = crowd();
    const met = [];
    for (let round = 0; round < 3; round++) {
      met.push(await all.join(20, login("durable"), "/learned"));
      // The answers have just arrived; nothing has had time to be written later.
      await killAndRestart();
      met.push(await all.visit());
    }
    const total = sum(met);
    report(task, {
      requests: total.requests,
      faults: 3,
      pinsLost: total.away,
      failed: total.failed,
    });
    expect(total).toMatchObject({ failed: 0, away: 0 });
  });

  test("every move, state, drain and generation that it confirmed", async ({ expect, task }) => {
    const all = crowd();
    await all.join(12, login("moved"), "/learned");
    const rows = await scene.admin.sessions("&pool=learned&origin=app-1");
    expect(rows.length).toBeGreaterThan(0);
    const moved: Row[] = rows.slice(0, 5);
    for (const { id } of moved) {
      expect((await patch(`/sessions/${id}`, { origin: "app-2" })).status).toBe(200);
    }
    await scene.admin.request("/api/sessions?pool=default&origin=app-2", { method: "DELETE" });
    await patch("/pools/default/origins/app-1", { state: "draining", deadline: "1h" });
    await patch("/pools/default/origins/app-3", { state: "disabled", weight: 7 });
    const before = await scene.admin.get<PoolShown>("/api/pools/default");
    await killAndRestart();
    const after = await scene.admin.get<PoolShown>("/api/pools/default");
    const shown = ({ origins }: PoolShown) =>
      origins.map(({ name, state, generation, drain }) => [
        name,
        state,
        generation,
        drain?.since,
        drain?.deadline,
      ]);
    expect(shown(after)).toEqual(shown(before));
    expect(shown(after).map(([, state, generation]) => [state, generation])).toEqual([
      ["draining", 1],
      ["active", 2],
      ["disabled", 1],
    ]);
    const there = await scene.admin.sessions("&pool=learned&origin=app-2");
    const ids = new Set(there.map(({ id }) => id));
    const lost = moved.filter(({ id }) => !ids.has(id)).length;
    const newcomers = crowd();
    const met = await newcomers.join(10, () => "/", "/");
    expect(new Set(newcomers.members.map(({ home }) => home))).toEqual(new Set(["app-2"]));
    for (const name of ["app-1", "app-3"]) {
      await patch(`/pools/default/origins/${name}`, { state: null, weight: null });
    }
    report(task, { requests: 12 + met.requests, faults: 1, pinsLost: lost, failed: met.failed });
    expect(lost).toBe(0);
  });
});

describe("under load", () => {
  interface Ride {
    requests: number;
    cutOff: number;
    failed: number;
    away: number;
  }

  /** Asks again and again; what a dying router cut off is asked again, as a browser would. */
  async function ride(member: Member, counts: Ride, goesOn: () => boolean): Promise<void> {
    while (goesOn()) {
      counts.requests += 1;
      const answer = await member.client.get(member.path).catch(() => null);
      if (answer === null || !answer.complete) counts.cutOff += 1;
      else if (answer.status !== 200) counts.failed += 1;
      else if (answer.json<OriginAnswer>().origin !== member.home) counts.away += 1;
      await sleep(50);
    }
  }

  async function rideThrough(all: Crowd, events: readonly (() => Promise<void>)[]): Promise<Ride> {
    const counts: Ride = { requests: 0, cutOff: 0, failed: 0, away: 0 };
    let going = true;
    const riding = all.members.map((member) => ride(member, counts, () => going));
    for (const happen of events) {
      await sleep(400);
      await happen();
    }
    await sleep(400);
    going = false;
    await Promise.all(riding);
    return counts;
  }

  test("kill -9 in the middle of it, three times, costs no session", async ({ expect, task }) => {
    const all = crowd();
    await all.join(20, () => "/", "/");
    await all.join(20, login("ridden"), "/learned");
    const counts = await rideThrough(all, [killAndRestart, killAndRestart, killAndRestart]);
    report(task, {
      requests: counts.requests + 40,
      faults: 3,
      pinsLost: counts.away,
      failed: counts.failed,
    });
    expect(counts).toMatchObject({ failed: 0, away: 0 });
    expect(counts.requests - counts.cutOff).toBeGreaterThan(50);
  });

  test("another configuration on the same storage costs no session", async ({ expect, task }) => {
    const all = crowd();
    await all.join(20, () => "/", "/");
    await all.join(20, login("configured"), "/learned");
    const [one, two, three] = scene.origins;
    if (!one || !two || !three) throw new Error("the scene has three origins");
    const others = [
      // Reordered; then weighted, with another lease and policy; then as it was.
      { origins: [three, one, two], settings: {} },
      { origins: [two, three, one], settings: { sessions: { lease: "5s" }, balance: "hash" } },
      { origins: [one, two, three], settings: {} },
    ];
    const counts = await rideThrough(
      all,
      others.map(({ origins, settings }) => () => {
        const POOLS = [poolOf(origins, { ...learned, ...settings }), poolOf(origins, settings)];
        return scene.router.restart({ vars: { POOLS } });
      }),
    );
    report(task, {
      requests: counts.requests + 40,
      faults: others.length,
      pinsLost: counts.away,
      failed: counts.failed,
    });
    expect(counts).toMatchObject({ failed: 0, away: 0 });
    expect(counts.requests - counts.cutOff).toBeGreaterThan(50);
  });
});
