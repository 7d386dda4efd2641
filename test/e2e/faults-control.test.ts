import { afterAll, afterEach, beforeAll, describe, test } from "vitest";
import { report } from "../kit/tally.ts";
import type { Fault } from "../workers/orders.ts";
import { Crowd, lossesOf, sum } from "./crowd.ts";
import { order } from "./orders.ts";
import { poolOf, startScene, type Scene } from "./scene.ts";

let scene: Scene;
let injectedBefore = 0;
let clockMs = 0;

beforeAll(async () => {
  scene = await startScene({
    entry: "test/workers/faulty.ts",
    vars: (origins) => {
      const sessions = { idle: "3h" };
      return {
        POOLS: [
          poolOf(origins, {
            name: "learned",
            match: ["*/learned*"],
            affinity: ["app-cookie:SID"],
            sessions,
          }),
          poolOf(origins, { sessions }),
        ],
      };
    },
  });
});

afterEach(async () => {
  injectedBefore = await order(scene.url, { pool: "none" });
});

afterAll(() => scene.stop());

const crowd = () => new Crowd(() => scene.client());
const faults: readonly Fault[] = ["throws", "overloaded", "hangs", "lost", "aborts"];

/** Longer than a view may be used without asking. */
function ageTheView(): number {
  clockMs += 31_000;
  return clockMs;
}

describe("while the pool's control object fails", () => {
  test.for(faults)(
    "(it %s) every session stays and every request is served, by new isolates too",
    async (fault, { expect, task }) => {
      const all = crowd();
      const met = [await all.join(15, () => "/", "/")];
      await order(scene.url, { pool: fault, clockMs: ageTheView() });
      met.push(await all.visit(), await all.join(15, () => "/", "/"), await all.visit());
      await order(scene.url, { newIsolate: true });
      met.push(await all.visit(), await all.join(5, () => "/", "/"));
      const injected = (await order(scene.url, { pool: "none" })) - injectedBefore;
      await order(scene.url, { clockMs: ageTheView() });
      met.push(await all.visit());
      const total = sum(met);
      report(task, lossesOf(total, injected));
      expect(injected).toBeGreaterThan(1);
      expect(total).toMatchObject({ failed: 0, away: 0 });
      // A view that is too old is waited for a quarter of a second, once.
      expect(total.slowestMs).toBeLessThan(2_000);
    },
  );

  test("what the operator did before goes on to hold where it was known", async ({
    expect,
    task,
  }) => {
    const path = "/api/pools/default/origins/app-3";
    await scene.admin.request(path, { method: "PATCH", body: '{"state":"disabled"}' });
    const all = crowd();
    const met = [await all.join(10, () => "/", "/")];
    await order(scene.url, { pool: "throws", clockMs: ageTheView() });
    met.push(await all.join(30, () => "/", "/"), await all.visit());
    const injected = (await order(scene.url, { pool: "none" })) - injectedBefore;
    await scene.admin.request(path, { method: "PATCH", body: '{"state":null}' });
    const total = sum(met);
    report(task, lossesOf(total, injected));
    expect(all.members.map(({ home }) => home)).not.toContain("app-3");
    expect(total).toMatchObject({ failed: 0, away: 0 });
  });
});

describe("when the clock jumps", () => {
  test("an hour on, back, and an hour back, no session that still lives is lost", async ({
    expect,
    task,
  }) => {
    const cookies = crowd();
    const learned = crowd();
    const join = async (round: number) => {
      const login = (n: number) => `/learned/login?cookie=SID%3Djump-${round}-${n}`;
      return [await cookies.join(10, () => "/", "/"), await learned.join(10, login, "/learned")];
    };
    const met = await join(0);
    const start = clockMs;
    const hour = 3_600_000;
    for (const [round, jump] of [hour, 0, -hour, 0, hour].entries()) {
      await order(scene.url, { clockMs: start + jump });
      for (let n = 0; n < 2; n++) met.push(await cookies.visit(), await learned.visit());
      met.push(...(await join(round + 1)));
      await order(scene.url, { newIsolate: true });
      met.push(await cookies.visit(), await learned.visit());
    }
    clockMs = start + hour;
    const total = sum(met);
    report(task, {
      requests: total.requests,
      faults: 5,
      pinsLost: total.away,
      failed: total.failed,
    });
    expect(total).toMatchObject({ failed: 0, away: 0 });
  });
});
