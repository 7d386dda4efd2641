import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, beforeEach, describe, it, vi } from "vitest";

import { newControl, planWith, START, type Controlled } from "./control-fixtures.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Time passes, and the alarm rings if one is set. */
async function pass({ stub }: Controlled, ms: number): Promise<boolean> {
  vi.setSystemTime(Date.now() + ms);
  return runDurableObjectAlarm(stub);
}

describe("a drain", () => {
  it("begins with its deadline, the pool's unless the operator says otherwise", async ({
    expect,
  }) => {
    const { control, plan, row } = await newControl({ drain: { deadline: "5m" } });
    await control.change("app-1", { state: "draining" }, plan);
    await control.change("app-2", { weight: 0, drainMs: 1_000 }, plan);
    await control.change("app-3", { state: "draining", drainMs: null }, plan);
    expect(await row("app-1")).toMatchObject({
      drain_since: START,
      drain_deadline: START + 300_000,
    });
    expect(await row("app-2")).toMatchObject({ drain_since: START, drain_deadline: START + 1_000 });
    expect(await row("app-3")).toMatchObject({ drain_since: START, drain_deadline: null });
  });

  it("begins by configuration, too, and ends with it", async ({ expect }) => {
    const controlled = await newControl();
    const { control, plan, row, told } = controlled;
    await control.adopt(plan);
    const origins = ["app-1", "app-2", "app-3"].map((name, at) => ({
      name,
      url: `https://${name}.example.com`,
      weight: at === 0 ? 0 : 1,
      state: at === 1 ? "draining" : "active",
    }));
    await control.adopt(await planWith(controlled, { origins }));
    for (const name of ["app-1", "app-2"]) {
      expect(await row(name), name).toMatchObject({ drain_since: START });
    }
    // By then no isolate asks with the other configuration any more.
    vi.setSystemTime(START + 60_000);
    await control.adopt(plan);
    for (const name of ["app-1", "app-2"]) {
      expect(await row(name), name).toMatchObject({ drain_since: null, drain_deadline: null });
    }
    expect((await told()).filter((event) => event.includes("drain"))).toHaveLength(4);
  });

  it("ends at the deadline, with sessions left", async ({ expect }) => {
    const controlled = await newControl({ drain: { deadline: "1m" } });
    const { control, plan, row, told, pin } = controlled;
    await pin("app-1", "a", "b");
    await control.change("app-1", { state: "draining" }, plan);
    expect(await pass(controlled, 59_999)).toBe(true);
    expect(await row("app-1")).toMatchObject({ drained: 0 });
    await pass(controlled, 2_001);
    expect(await row("app-1")).toMatchObject({ drained: 1 });
    expect((await told())[0]).toBe("app-1: drain ended, deadline, 2 sessions left");
  });

  it("ends when no session is left, and not before", async ({ expect }) => {
    const controlled = await newControl({ drain: { deadline: "none" } });
    const { control, plan, row, told, pin, unpin } = controlled;
    await pin("app-1", "a");
    await pin("app-2", "b");
    await control.change("app-1", { state: "draining" }, plan);
    await pass(controlled, 60_000);
    expect(await row("app-1")).toMatchObject({ drained: 0 });
    await unpin("a");
    await pass(controlled, 5_000);
    expect(await row("app-1")).toMatchObject({ drained: 1 });
    expect((await told())[0]).toBe("app-1: drain ended, no sessions left");
  });

  it("waits for sessions that isolates with an older view may still place", async ({ expect }) => {
    const controlled = await newControl();
    const { control, plan, row } = controlled;
    await control.change("app-1", { state: "draining" }, plan);
    await pass(controlled, 5_000);
    expect(await row("app-1")).toMatchObject({ drained: 0 });
    await pass(controlled, 5_000);
    expect(await row("app-1")).toMatchObject({ drained: 1 });
  });

  it("goes on over evictions, with its beginning and its deadline", async ({ expect }) => {
    const controlled = await newControl({ drain: { deadline: "1m" } });
    const { control, plan, row, stub, pin } = controlled;
    await pin("app-1", "a");
    await control.change("app-1", { state: "draining" }, plan);
    for (let time = 0; time < 3; time += 1) {
      await evictDurableObject(stub);
      expect(await pass(controlled, 15_000)).toBe(true);
    }
    expect(await row("app-1")).toMatchObject({
      drain_since: START,
      drain_deadline: START + 60_000,
      drained: 0,
    });
    await evictDurableObject(stub);
    await pass(controlled, 15_000);
    expect(await row("app-1")).toMatchObject({ drained: 1 });
  });

  it.for([["active"], ["disabled"], [null]] as const)(
    "is undone by %s, before and after its end",
    async ([state], { expect }) => {
      const controlled = await newControl({ drain: { deadline: "1m" } });
      const { control, plan, row } = controlled;
      for (const wait of [1_000, 61_000]) {
        await control.change("app-1", { state: "draining" }, plan);
        await pass(controlled, wait);
        await control.change("app-1", { state }, plan);
        expect(await row("app-1")).toMatchObject({ state, drain_since: null, drained: 0 });
        await pass(controlled, 120_000);
        expect(await row("app-1")).toMatchObject({ state, drain_since: null, drained: 0 });
      }
    },
  );

  it("does not begin anew when it is asked for again, unless with another deadline", async ({
    expect,
  }) => {
    const controlled = await newControl({ drain: { deadline: "5m" } });
    const { control, plan, row } = controlled;
    await control.change("app-1", { state: "draining" }, plan);
    await pass(controlled, 1_000);
    await control.change("app-1", { state: "draining", weight: 3 }, plan);
    expect(await row("app-1")).toMatchObject({
      drain_since: START,
      drain_deadline: START + 300_000,
    });
    await control.change("app-1", { drainMs: 60_000 }, plan);
    expect(await row("app-1")).toMatchObject({ drain_deadline: START + 61_000 });
  });

  it("leaves no alarm behind once it has ended", async ({ expect }) => {
    const controlled = await newControl({ drain: { deadline: "1m" } });
    const { control, plan } = controlled;
    await control.change("app-1", { state: "draining" }, plan);
    expect(await pass(controlled, 61_000)).toBe(true);
    expect(await pass(controlled, 61_000)).toBe(false);
  });
});
