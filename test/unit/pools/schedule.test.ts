import { describe, it } from "vitest";

import { nextAlarm } from "../../../src/pools/schedule.ts";
import type { Plan } from "../../../src/pools/control.ts";
import { planOf } from "../../../src/pools/view.ts";
import { makePool } from "../fixtures.ts";
import { rowOf } from "./fixtures.ts";

const NOW = 1_000_000;
const PAST = { isAsked: true, probedAt: NOW - 1_000, rebalancedAt: NOW - 1_000 };
const NOBODY = { ...PAST, isAsked: false };

const plan = (settings: object): Promise<Plan> => planOf(makePool(settings as never));
const draining = (deadline: number | null) =>
  rowOf("app-1", { drain_since: NOW - 5_000, drain_deadline: deadline });

describe("the next alarm", () => {
  it("is never, when there is nothing to do", async ({ expect }) => {
    expect(nextAlarm(await plan({}), [], NOW, PAST)).toBeNull();
  });

  it("is the next probe, at once when it is late, as long as somebody asks", async ({ expect }) => {
    const probing = await plan({ health: { path: "/up", interval: "30s" } });
    expect(nextAlarm(probing, [], NOW, PAST)).toBe(NOW + 29_000);
    expect(nextAlarm(probing, [], NOW, { ...PAST, probedAt: 0 })).toBe(NOW);
    expect(nextAlarm(probing, [], NOW, NOBODY)).toBeNull();
  });

  it("is the next move, where sessions can be counted", async ({ expect }) => {
    const moving = await plan({ rebalance: { idle: "10m", rate: "5%/min" } });
    expect(nextAlarm(moving, [], NOW, PAST)).toBe(NOW + 59_000);
    expect(nextAlarm(moving, [], NOW, NOBODY)).toBeNull();
    expect(nextAlarm({ ...moving, shards: 0 }, [], NOW, PAST)).toBeNull();
  });

  it("looks at a drain every two seconds, and at its deadline, whoever asks", async ({
    expect,
  }) => {
    const quiet = await plan({});
    expect(nextAlarm(quiet, [draining(null)], NOW, NOBODY)).toBe(NOW + 2_000);
    expect(nextAlarm(quiet, [draining(NOW + 90_000)], NOW, NOBODY)).toBe(NOW + 2_000);
    expect(nextAlarm(quiet, [draining(NOW + 500)], NOW, NOBODY)).toBe(NOW + 500);
    expect(nextAlarm(quiet, [draining(NOW - 500)], NOW, NOBODY)).toBe(NOW);
  });

  it("is the first of all", async ({ expect }) => {
    const both = await plan({
      health: { path: "/up", interval: "30s" },
      rebalance: { idle: "10m", rate: "5%/min" },
    });
    expect(nextAlarm(both, [draining(null)], NOW, PAST)).toBe(NOW + 2_000);
    expect(nextAlarm(both, [], NOW, PAST)).toBe(NOW + 29_000);
  });
});
