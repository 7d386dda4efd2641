import { evictDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, it, vi } from "vitest";

import { newControl, planWith, START } from "./control-fixtures.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
});
afterEach(() => {
  vi.useRealTimers();
});

function pass(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

const ids = (count: number, prefix = "id") =>
  Array.from({ length: count }, (_, at) => `${prefix}-${at}`);

describe("the view of a control object", () => {
  it("is given once: who knows the newest version gets nothing", async ({ expect }) => {
    const { control, plan, see } = await newControl();
    await control.adopt(plan);
    const { version } = await see();
    expect(await control.view(version, plan.digest)).toEqual({ view: null, wantsPlan: false });
    await control.change("app-1", { state: "draining" }, plan);
    const { view } = await control.view(version, plan.digest);
    expect(view?.version).toBeGreaterThan(version);
    expect(view?.origins.find(({ name }) => name === "app-1")?.state).toBe("draining");
  });

  it("asks for the plan while it works by another", async ({ expect }) => {
    const controlled = await newControl();
    const { control, plan } = controlled;
    expect((await control.view(0, plan.digest)).wantsPlan).toBe(true);
    await control.adopt(plan);
    expect((await control.view(0, plan.digest)).wantsPlan).toBe(false);
    const other = await planWith(controlled, { drain: { deadline: "1m" } });
    expect((await control.view(0, other.digest)).wantsPlan).toBe(true);
  });

  it("is the same after the object's eviction from memory", async ({ expect }) => {
    const { control, plan, see, stub } = await newControl();
    await control.change("app-2", { weight: 7 }, plan);
    await control.raise(["app-1"], "operator");
    await control.recall(["a"], 60_000, "operator");
    await control.report("app-3", 30_000, "3 failures in a row");
    const before = await see();
    await evictDurableObject(stub);
    expect(await see()).toEqual(before);
    expect((await control.view(0, plan.digest)).wantsPlan).toBe(false);
  });
});

describe("an operator's change", () => {
  it("holds until it is taken back", async ({ expect }) => {
    const { control, plan, row } = await newControl();
    await control.change("app-1", { state: "disabled", weight: 5 }, plan);
    expect(await row("app-1")).toMatchObject({ state: "disabled", weight: 5 });
    await control.change("app-1", { state: null }, plan);
    expect(await row("app-1")).toMatchObject({ state: null, weight: 5 });
    await control.change("app-1", { weight: null }, plan);
    expect(await row("app-1")).toMatchObject({ state: null, weight: null });
  });

  it("is lost by none of many that come at once, whatever they change", async ({ expect }) => {
    const origins = Array.from({ length: 20 }, (_, at) => ({
      name: `app-${at}`,
      url: `https://app-${at}.example.com`,
    }));
    const { control, plan, see } = await newControl({ origins });
    await Promise.all(
      origins.flatMap(({ name }, at) => [
        control.change(name, { weight: at + 1 }, plan),
        control.raise([name], "operator"),
        control.change(name, { state: "draining" }, plan),
        control.report(name, 1_000, "failures"),
        control.recall([`session-${at}`], 60_000, "operator"),
        control.raise([name], "operator"),
      ]),
    );
    const view = await see();
    expect(view.recalled.size).toBe(20);
    for (const [at, { name }] of origins.entries()) {
      expect(view.origins.find((row) => row.name === name)).toMatchObject({
        weight: at + 1,
        generation: 3,
        state: "draining",
        drain_since: START,
      });
    }
  });

  it("is told with its time and cause, newest first, a page at a time", async ({ expect }) => {
    const { control, plan, told } = await newControl();
    await control.change("app-1", { state: "draining", weight: 2 }, plan);
    pass(10);
    await control.raise(["app-2"], "operator");
    pass(10);
    await control.change("app-1", { state: null }, plan);
    expect(await told()).toEqual([
      "app-1: drain undone, operator",
      expect.stringMatching(/^app-1: .*as configured/),
      "app-2: sessions released, operator",
      "app-1: drain begun, operator",
      expect.stringMatching(/^app-1: .*draining.*weight 2/),
    ]);
    const [newest] = await control.events(Number.MAX_SAFE_INTEGER, 1);
    expect(newest?.at).toBe(START + 20);
    expect((await control.events((newest?.at ?? 0) - 1, 1))[0]?.at).toBe(START + 10);
  });

  it("keeps the last 1,000 events and no more", async ({ expect }) => {
    const { control } = await newControl();
    await control.raise(
      ids(1_005).map(() => "app-1"),
      "operator",
    );
    expect(await control.events(Number.MAX_SAFE_INTEGER, 5_000)).toHaveLength(1_000);
  });
});

describe("raising a generation", () => {
  it("answers the new ones in the order of the question", async ({ expect }) => {
    const { control, see } = await newControl();
    expect(await control.raise(["app-2"], "operator")).toEqual([2]);
    expect(await control.raise(["app-1", "app-2"], "operator")).toEqual([2, 3]);
    const { origins } = await see();
    expect(Object.fromEntries(origins.map((row) => [row.name, row.generation]))).toEqual({
      "app-1": 2,
      "app-2": 3,
    });
  });

  it("gives each of many at once a generation of its own", async ({ expect }) => {
    const { control } = await newControl();
    const all = await Promise.all(ids(30).map(() => control.raise(["app-1"], "operator")));
    expect(new Set(all.flat()).size).toBe(30);
  });
});

describe("recalled sessions", () => {
  it("are named in the view until their leases have ended", async ({ expect }) => {
    const { control, see } = await newControl();
    await control.recall(["a"], 60_000, "operator");
    pass(30_000);
    await control.recall(["b"], 60_000, "operator");
    const before = await see();
    expect([...before.recalled.keys()].toSorted()).toEqual(["a", "b"]);
    pass(29_999);
    expect((await see()).recalled.has("a")).toBe(true);
    // With what clocks may differ; that it is over is news, too.
    pass(10_000);
    expect([...(await see(before.version)).recalled.keys()]).toEqual(["b"]);
    pass(30_000);
    expect((await see()).recalled.size).toBe(0);
  });

  it("are 1,000 at most; beyond that everything is asked about", async ({ expect }) => {
    const { control, see } = await newControl();
    await control.recall(ids(1_000), 60_000, "operator");
    expect(await see()).toMatchObject({ askBefore: 0 });
    expect((await see()).recalled.size).toBe(1_000);
    pass(5);
    await control.recall(["one-more"], 60_000, "operator");
    const after = await see();
    expect(after.recalled.size).toBe(0);
    expect(after.askBefore).toBeGreaterThanOrEqual(START + 5);
  });

  it("of which the leases have ended do not count towards the 1,000", async ({ expect }) => {
    const { control, see } = await newControl();
    await control.recall(ids(1_000), 60_000, "operator");
    pass(70_000);
    await control.recall(["fresh"], 60_000, "operator");
    const { askBefore, recalled } = await see();
    expect(askBefore).toBe(0);
    expect([...recalled.keys()]).toEqual(["fresh"]);
  });
});

describe("a reported ejection", () => {
  it("is shared until its end, and told once", async ({ expect }) => {
    const { control, plan, row, told } = await newControl();
    await control.adopt(plan);
    await control.report("app-1", 30_000, "3 failures in a row");
    expect(await row("app-1")).toMatchObject({ ejected_until: START + 30_000 });
    pass(1_000);
    await control.report("app-1", 30_000, "3 failures in a row");
    expect(await row("app-1")).toMatchObject({ ejected_until: START + 30_000 });
    expect((await told()).filter((event) => event.startsWith("app-1"))).toHaveLength(1);
    pass(29_000);
    await control.report("app-1", 60_000, "3 failures in a row");
    expect(await row("app-1")).toMatchObject({ ejected_until: START + 90_000 });
  });

  it("never takes more than max_ejected, whoever reports", async ({ expect }) => {
    for (const count of [2, 4]) {
      const origins = ["a", "b", "c", "d"].slice(0, count).map((name) => ({
        name,
        url: `https://${name}.example.com`,
      }));
      const { control, plan, see } = await newControl({ origins });
      await control.adopt(plan);
      // Each comes from another isolate, which has seen nobody else's yet.
      for (const { name } of origins) await control.report(name, 30_000, "3 failures in a row");
      const out = (await see()).origins.filter((row) => row.ejected_until > START);
      expect(out.length, `of ${count}`).toBe(count / 2);
    }
  });
});
