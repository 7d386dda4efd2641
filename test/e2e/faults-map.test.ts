import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, test } from "vitest";
import { report } from "../kit/tally.ts";
import type { Fault } from "../workers/orders.ts";
import { Crowd, lossesOf, sum } from "./crowd.ts";
import { order } from "./orders.ts";
import { poolOf, startScene, type Scene } from "./scene.ts";

let scene: Scene;
let injectedBefore = 0;

beforeAll(async () => {
  scene = await startScene({
    entry: "test/workers/faulty.ts",
    vars: (origins) => ({
      POOLS: [
        // No lease: every request of a session asks the map.
        poolOf(origins, { name: "asking", match: ["*/asking*"], sessions: { lease: "0s" } }),
        poolOf(origins, { name: "learned", match: ["*/learned*"], affinity: ["app-cookie:SID"] }),
        poolOf(origins, {
          name: "keyed",
          match: ["*/keyed*"],
          affinity: ["query:sid"],
          sessions: { lease: "0s" },
        }),
      ],
    }),
  });
});

afterEach(async () => {
  injectedBefore = await order(scene.url, { map: "none", pool: "none" });
});

afterAll(() => scene.stop());

const crowd = () => new Crowd(() => scene.client());
const faults: readonly Fault[] = ["throws", "retryable", "overloaded", "hangs", "lost", "aborts"];

describe("while the session map fails", () => {
  test.for(faults)(
    "(it %s) clients with a cookie are served where they are, new ones too, and stay",
    async (fault, { expect, task }) => {
      const all = crowd();
      const met = [await all.join(20, () => "/asking", "/asking")];
      await order(scene.url, { map: fault });
      met.push(await all.visit());
      met.push(await all.join(10, () => "/asking", "/asking"));
      met.push(await all.visit());
      const injected = (await order(scene.url, { map: "none" })) - injectedBefore;
      met.push(await all.visit(), await all.visit());
      const total = sum(met);
      report(task, lossesOf(total, injected));
      expect(injected).toBeGreaterThan(20);
      expect(total).toMatchObject({ failed: 0, away: 0 });
      // One call, capped at a second; the answer waits for nothing else.
      expect(total.slowestMs).toBeLessThan(2_500);
    },
  );

  test.for(faults)(
    "(it %s) IDs that origins issue are learned as soon as it is back",
    async (fault, { expect, task }) => {
      const all = crowd();
      const login = (n: number) => `/learned/login?cookie=SID%3D${fault}-${n}`;
      const met = [await all.join(10, login, "/learned")];
      await order(scene.url, { map: fault });
      met.push(await all.join(10, login, "/learned"));
      met.push(await all.visit());
      const injected = (await order(scene.url, { map: "none" })) - injectedBefore;
      met.push(await all.visit());
      await sleep(fault === "hangs" ? 2_500 : 1_500);
      // Another isolate knows nothing but what the map has heard.
      await order(scene.url, { newIsolate: true });
      met.push(await all.visit());
      const total = sum(met);
      report(task, lossesOf(total, injected));
      expect(total).toMatchObject({ failed: 0, away: 0 });
    },
  );

  test("sessions that begin meanwhile stay where they began", async ({ expect, task }) => {
    const all = crowd();
    await order(scene.url, { map: "throws" });
    for (let n = 0; n < 20; n++) {
      await all.join(1, () => `/keyed?sid=meanwhile-${n}`, `/keyed?sid=meanwhile-${n}`);
    }
    const met = [await all.visit()];
    const injected = (await order(scene.url, { map: "none" })) - injectedBefore;
    met.push(await all.visit());
    await order(scene.url, { newIsolate: true });
    met.push(await all.visit());
    const total = sum(met);
    report(task, {
      requests: total.requests + 20,
      faults: injected,
      pinsLost: total.away,
      failed: total.failed,
    });
    expect(total).toMatchObject({ failed: 0, away: 0 });
  });

  test("sessions in the map alone are served elsewhere at most until it is back", async ({
    expect,
    task,
  }) => {
    const all = crowd();
    for (let n = 0; n < 20; n++) {
      await all.join(1, () => `/keyed?sid=before-${n}`, `/keyed?sid=before-${n}`);
    }
    await order(scene.url, { map: "throws" });
    const during = await all.visit();
    const injected = (await order(scene.url, { map: "none" })) - injectedBefore;
    const after = sum([await all.visit(), await all.visit()]);
    report(task, {
      requests: 20 + during.requests + after.requests,
      faults: injected,
      pinsLost: after.away,
      failed: during.failed + after.failed,
    });
    expect(during.failed).toBe(0);
    expect(after).toMatchObject({ failed: 0, away: 0 });
  });
});
