import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, it, vi } from "vitest";

import { assign, fill, idOf, newShard, START, type Stub } from "./fixtures.ts";

const SLICES_PAUSE_MS = 20;
const limits = { idleMs: 2_000, ttlMs: 60_000, cap: 20_000 };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
});
afterEach(() => {
  vi.useRealTimers();
});

function alarmOf(stub: Stub): Promise<number | null> {
  return runInDurableObject(stub, (_, { storage }) => storage.getAlarm());
}

describe("a sweep that has more to do", () => {
  it("goes on after its pause, though sessions are assigned in between", async ({ expect }) => {
    const stub = newShard();
    await fill(stub, 5_000, limits);
    vi.setSystemTime(START + 3_000);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    const due = Date.now() + SLICES_PAUSE_MS;
    expect(await alarmOf(stub)).toBe(due);
    for (let number = 0; number < 3; number += 1) {
      await assign(stub, idOf(9_000 + number), "app-1", limits);
      expect(await alarmOf(stub)).toBe(due);
    }
    vi.setSystemTime(due);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await alarmOf(stub)).toBe(due + SLICES_PAUSE_MS);
  });

  it("and then sleeps until the next session can end", async ({ expect }) => {
    const stub = newShard();
    await fill(stub, 5_000, limits);
    vi.setSystemTime(START + 3_000);
    await runDurableObjectAlarm(stub);
    await assign(stub, idOf(9_000), "app-1", limits);
    await runDurableObjectAlarm(stub);
    await runDurableObjectAlarm(stub);
    expect(await alarmOf(stub)).toBeGreaterThanOrEqual(Date.now() + limits.idleMs);
  });
});

describe("a shard whose room has become smaller", () => {
  it("gives up its sessions in slices, so that no request waits for all", async ({ expect }) => {
    const stub = newShard();
    await fill(stub, 5_000, limits);
    const smaller = { ...limits, cap: 100 };
    vi.setSystemTime(START + 10);
    await assign(stub, idOf(9_000), "app-2", smaller);
    expect((await stub.counts()).get("app-1")).toBe(3_000);
    await runDurableObjectAlarm(stub);
    expect((await stub.counts()).get("app-1")).toBe(1_000);
    await runDurableObjectAlarm(stub);
    expect(Object.fromEntries(await stub.counts())).toEqual({ "app-1": 99, "app-2": 1 });
    expect(await alarmOf(stub)).toBeGreaterThanOrEqual(START + limits.idleMs);
  });
});
