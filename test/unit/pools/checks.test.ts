import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, it, vi } from "vitest";

import { newControl, planWith, START, type Controlled } from "./control-fixtures.ts";

/** What every origin answers to a probe, by host; the probes that were made. */
const statuses = new Map<string, number>();
const probed: string[] = [];
/** How long each takes. */
let delayMs = 0;

beforeEach(() => {
  delayMs = 0;
  vi.useFakeTimers({ toFake: ["Date"], now: START });
  statuses.clear();
  probed.length = 0;
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
    const url = new URL(String(input));
    probed.push(url.href);
    if (delayMs > 0) await scheduler.wait(delayMs);
    const status = statuses.get(url.hostname.split(".")[0] ?? "") ?? 200;
    if (status === 0) throw new Error("Network connection lost.");
    return new Response(null, { status });
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const CHECKED = {
  health: { path: "/healthz", interval: "30s", timeout: "100ms", rise: 2, fall: 3 },
};

/** Time passes, and the alarm rings if one is set. */
async function pass({ stub }: Controlled, ms: number): Promise<boolean> {
  vi.setSystemTime(Date.now() + ms);
  return runDurableObjectAlarm(stub);
}

describe("active checks", () => {
  it("leave no origin down when they are switched off", async ({ expect }) => {
    const controlled = await newControl(CHECKED);
    const { control, plan, row, told } = controlled;
    await control.adopt(plan);
    statuses.set("app-1", 500);
    for (let check = 0; check < 3; check += 1) await pass(controlled, 30_000);
    expect(await row("app-1")).toMatchObject({ probe: "down" });
    await control.adopt(await planWith(controlled, {}));
    expect(await row("app-1")).toMatchObject({ probe: "up" });
    expect(await told()).toContain("app-1: up, checks are off");
  });

  it("that were under way when they were switched off say nothing", async ({ expect }) => {
    const controlled = await newControl(CHECKED);
    const { control, plan, row } = controlled;
    await control.adopt(plan);
    statuses.set("app-1", 500);
    for (let check = 0; check < 2; check += 1) await pass(controlled, 30_000);
    delayMs = 50;
    const third = pass(controlled, 30_000);
    await vi.waitUntil(() => probed.length === 9);
    await control.adopt(await planWith(controlled, {}));
    await third;
    expect(await row("app-1")).toMatchObject({ probe: "up" });
  });

  it("ask every origin for the path, once per interval", async ({ expect }) => {
    const controlled = await newControl(CHECKED);
    await controlled.control.adopt(controlled.plan);
    await pass(controlled, 0);
    expect(probed.toSorted()).toEqual([
      "https://app-1.example.com/healthz",
      "https://app-2.example.com/healthz",
      "https://app-3.example.com/healthz",
    ]);
    await pass(controlled, 10_000);
    expect(probed).toHaveLength(3);
    await pass(controlled, 20_000);
    expect(probed).toHaveLength(6);
  });

  it("go on at once when the clock is set back an hour", async ({ expect }) => {
    const controlled = await newControl(CHECKED);
    const { control, plan } = controlled;
    await control.adopt(plan);
    await pass(controlled, 0);
    await pass(controlled, 30_000);
    expect(probed).toHaveLength(6);
    vi.setSystemTime(Date.now() - 3_600_000);
    await control.view(0, plan.digest);
    const alarm = await runInDurableObject(controlled.stub, (_, { storage }) => storage.getAlarm());
    expect(alarm).toBeLessThanOrEqual(Date.now());
    await pass(controlled, 0);
    expect(probed).toHaveLength(9);
    await pass(controlled, 10_000);
    expect(probed).toHaveLength(9);
    await pass(controlled, 20_000);
    expect(probed).toHaveLength(12);
  });

  it("take an origin down after `fall` and up after `rise`, and tell each once", async ({
    expect,
  }) => {
    const controlled = await newControl(CHECKED);
    const { control, plan, row, told } = controlled;
    await control.adopt(plan);
    statuses.set("app-1", 500).set("app-2", 0);
    await pass(controlled, 30_000);
    await pass(controlled, 30_000);
    expect(await row("app-1")).toMatchObject({ probe: "up", streak: 2 });
    await pass(controlled, 30_000);
    expect(await row("app-1")).toMatchObject({ probe: "down" });
    expect(await row("app-2")).toMatchObject({ probe: "down" });
    expect(await row("app-3")).toMatchObject({ probe: "up" });
    statuses.clear();
    await pass(controlled, 30_000);
    expect(await row("app-1")).toMatchObject({ probe: "down" });
    await pass(controlled, 30_000);
    expect(await row("app-1")).toMatchObject({ probe: "up", up_since: Date.now() });
    const flips = (await told()).filter((event) => event.startsWith("app-1"));
    expect(flips).toEqual(["app-1: up, health check", "app-1: down, health check"]);
  });

  it("keep what they have counted over an eviction from memory", async ({ expect }) => {
    const controlled = await newControl(CHECKED);
    const { control, plan, row, stub } = controlled;
    await control.adopt(plan);
    statuses.set("app-1", 500);
    for (let time = 0; time < 3; time += 1) {
      await pass(controlled, 30_000);
      await evictDurableObject(stub);
    }
    expect(await row("app-1")).toMatchObject({ probe: "down" });
  });

  it("are not made without a path", async ({ expect }) => {
    const controlled = await newControl();
    await controlled.control.adopt(controlled.plan);
    expect(await pass(controlled, 30_000)).toBe(false);
    expect(probed).toEqual([]);
  });

  it("rest after ten minutes without a view, and wake with the next one", async ({ expect }) => {
    const controlled = await newControl(CHECKED);
    const { control, plan } = controlled;
    await control.adopt(plan);
    await control.view(0, plan.digest);
    for (let time = 0; time < 30; time += 1) await pass(controlled, 30_000);
    probed.length = 0;
    expect(await pass(controlled, 30_000)).toBe(false);
    expect(probed).toEqual([]);
    await control.view(0, plan.digest);
    expect(await pass(controlled, 30_000)).toBe(true);
    expect(probed).toHaveLength(3);
  });

  it("rest after ten minutes though the object is evicted meanwhile", async ({ expect }) => {
    const controlled = await newControl(CHECKED);
    const { control, plan, stub } = controlled;
    await control.adopt(plan);
    await control.view(0, plan.digest);
    for (let time = 0; time < 30; time += 1) {
      await pass(controlled, 30_000);
      await evictDurableObject(stub);
    }
    expect(await pass(controlled, 30_000)).toBe(false);
  });
});

describe("counting sessions", () => {
  const CAPPED = {
    origins: [
      { name: "app-1", url: "https://app-1.example.com", max_sessions: 10 },
      { name: "app-2", url: "https://app-2.example.com" },
    ],
  };

  it("happens for the view when somebody balances by counts", async ({ expect }) => {
    const { control, plan, see, pin } = await newControl(CAPPED);
    await control.adopt(plan);
    await pin("app-1", "a", "b");
    await pin("app-2", "c");
    const view = await see();
    expect(Object.fromEntries(view.counts)).toEqual({ "app-1": 2, "app-2": 1 });
    expect(view.countsAt).toBe(START);
  });

  it("happens for nobody otherwise", async ({ expect }) => {
    const { control, plan, see, pin } = await newControl();
    await control.adopt(plan);
    await pin("app-1", "a");
    expect(await see()).toMatchObject({ counts: new Map(), countsAt: 0 });
  });
});

describe("rebalancing", () => {
  const REBALANCED = {
    rebalance: { idle: "5m", rate: "50%/min" },
    origins: [
      { name: "app-1", url: "https://app-1.example.com" },
      { name: "app-2", url: "https://app-2.example.com" },
    ],
  };
  const SESSIONS = Array.from({ length: 20 }, (_, at) => `session-${at}`);

  it("moves idle sessions, no others, and says how many", async ({ expect }) => {
    const controlled = await newControl(REBALANCED);
    const { control, plan, pin, shard, told } = controlled;
    await control.adopt(plan);
    await pin("app-1", ...SESSIONS);
    await pass(controlled, 60_000);
    expect(Object.fromEntries(await shard.counts())).toEqual({ "app-1": 20 });
    vi.setSystemTime(Date.now() + 240_000);
    await control.view(0, plan.digest);
    await pass(controlled, 0);
    expect(Object.fromEntries(await shard.counts())).toEqual({ "app-1": 10, "app-2": 10 });
    expect(await told()).toEqual(["pool: rebalanced, 10 idle sessions moved"]);
  });

  it("goes on though the object is evicted before every alarm", async ({ expect }) => {
    const controlled = await newControl(REBALANCED);
    const { control, plan, pin, shard, stub } = controlled;
    await control.adopt(plan);
    await pin("app-1", ...SESSIONS);
    for (let time = 0; time < 8; time += 1) {
      await evictDurableObject(stub);
      await pass(controlled, 61_000);
    }
    expect((await shard.counts()).get("app-2")).toBe(10);
  });
});
