import { evictDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, it, vi } from "vitest";

import { makePool } from "../fixtures.ts";
import { newControl, planWith, START, type Controlled } from "./control-fixtures.ts";
import type { Counts, Sums } from "../../../src/shared/counts.ts";
import { planOf } from "../../../src/pools/view.ts";

const MINUTE = 60_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
});
afterEach(() => {
  vi.useRealTimers();
});

function pass(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

function counts(of: Readonly<Record<string, Sums>>, isolate = "isolate-1"): Counts {
  return { isolate, sums: new Map(Object.entries(of)) };
}

const HITS: Sums = { "outcome hit": 3, "class 2xx": 2, "class 5xx": 1, "within 50": 3, ms: 60 };

describe("the totals of a pool", () => {
  it("are the sums of what all isolates report, and survive eviction", async ({ expect }) => {
    const { control, stub } = await newControl();
    await control.count(counts({ "app-1": HITS }));
    await control.count(counts({ "app-1": HITS, "": { retries: 2 } }, "isolate-2"));
    const before = await control.metrics();
    expect(before.totals.get("app-1")).toEqual({
      "outcome hit": 6,
      "class 2xx": 4,
      "class 5xx": 2,
      "within 50": 6,
      ms: 120,
    });
    expect(before.totals.get("")).toEqual({ retries: 2 });
    expect(before).toMatchObject({ since: START, isolates: 2, degradedSince: null });
    await evictDurableObject(stub);
    pass(10 * MINUTE);
    const after = await control.metrics();
    expect([after.since, after.totals]).toEqual([before.since, before.totals]);
    await control.count(counts({ "app-1": { "outcome hit": 1 } }));
    expect((await control.metrics()).totals.get("app-1")).toMatchObject({ "outcome hit": 7 });
  });

  it("come with the view, in the same call", async ({ expect }) => {
    const { control, plan } = await newControl();
    await control.view(0, plan.digest, counts({ "app-1": HITS }));
    expect((await control.metrics()).totals.get("app-1")).toEqual(HITS);
  });

  it("forget isolates that have not reported for a minute", async ({ expect }) => {
    const { control } = await newControl();
    await control.count(counts({ "app-1": HITS }, "first"));
    pass(MINUTE - 1);
    await control.count(counts({ "app-1": HITS }, "second"));
    expect((await control.metrics()).isolates).toBe(2);
    pass(1);
    expect((await control.metrics()).isolates).toBe(1);
  });

  it("take any name an origin can have", async ({ expect }) => {
    const { control, stub } = await newControl();
    const names = ["__proto__", "constructor", "tostring"];
    const sums = new Map(names.map((name) => [name, HITS]));
    await control.count({ isolate: "one", sums });
    await evictDurableObject(stub);
    await control.count({ isolate: "one", sums });
    const { totals } = await control.metrics();
    const [minute] = await control.history();
    for (const name of names) {
      expect(totals.get(name), name).toMatchObject({ "outcome hit": 6 });
      expect(Object.getOwnPropertyDescriptor(minute?.origins, name)?.value, name).toMatchObject({
        requests: 6,
      });
    }
  });
});

describe("the last hour", () => {
  it("has a row for each minute with traffic, oldest first", async ({ expect }) => {
    const { control, stub } = await newControl();
    await control.count(counts({ "app-1": HITS, "": { "outcome none": 1 } }));
    pass(3 * MINUTE);
    await control.count(counts({ "app-2": HITS }));
    await evictDurableObject(stub);
    pass(1_000);
    await control.count(counts({ "app-2": { "outcome moved": 2 } }));
    expect(await control.history()).toEqual([
      {
        at: START,
        outcomes: { hit: 3, none: 1 },
        origins: { "app-1": { sessions: 0, requests: 3, errors: 1 } },
      },
      {
        at: START + 3 * MINUTE,
        outcomes: { hit: 3, moved: 2 },
        origins: { "app-2": { sessions: 0, requests: 5, errors: 1 } },
      },
    ]);
  });

  it("is 60 minutes and the one under way, however long there is traffic", async ({ expect }) => {
    const { control } = await newControl();
    for (let minute = 0; minute < 70; minute += 1) {
      await control.count(counts({ "app-1": HITS }));
      pass(MINUTE);
    }
    pass(-MINUTE);
    const history = await control.history();
    expect(history).toHaveLength(61);
    expect(history[0]?.at).toBe(START + 9 * MINUTE);
    expect(history.at(-1)?.at).toBe(START + 69 * MINUTE);
    pass(2 * 60 * MINUTE);
    expect(await control.history()).toEqual([]);
  });

  it("holds the live sessions, counted once a minute", async ({ expect }) => {
    const { control, plan, pin } = await newControl();
    await control.adopt(plan);
    await pin("app-1", "a", "b");
    const sessions = async () => (await control.history()).at(-1)?.origins["app-1"]?.sessions;
    expect(await sessions()).toBe(2);
    await pin("app-1", "c");
    pass(30_000);
    expect(await sessions()).toBe(2);
    pass(30_000);
    expect(await sessions()).toBe(3);
    expect((await control.metrics()).sessions?.get("app-1")).toBe(3);
  });

  it("counts them again though the clock is set back an hour", async ({ expect }) => {
    const { control, plan, pin } = await newControl();
    await control.adopt(plan);
    await pin("app-1", "a", "b");
    expect((await control.metrics()).sessions?.get("app-1")).toBe(2);
    pass(-60 * MINUTE);
    await pin("app-1", "c");
    expect((await control.metrics()).sessions?.get("app-1")).toBe(3);
  });
});

describe("events", () => {
  it("tell moves once a minute, origin and reason, with their number", async ({ expect }) => {
    const { control, told } = await newControl();
    await control.count(counts({ "app-1": { "move down": 3 }, "app-2": { "move admin": 1 } }));
    await control.count(counts({ "app-1": { "move down": 4 } }, "isolate-2"));
    pass(MINUTE);
    await control.count(counts({ "app-1": { "move down": 1 } }));
    expect((await told()).toSorted()).toEqual([
      "app-1: sessions moved, down: 1",
      "app-1: sessions moved, down: 7",
      "app-2: sessions moved, admin: 1",
    ]);
  });

  it("tell single recalls together", async ({ expect }) => {
    const { control, told } = await newControl();
    for (const id of ["a", "b", "c"]) await control.recall([id], MINUTE, "released");
    await control.recall(["d"], MINUTE, "moved to app-2");
    expect(await told()).toEqual([
      "pool: sessions recalled, moved to app-2: 1",
      "pool: sessions recalled, released: 3",
    ]);
  });

  it("tell when the map failed, and how many requests that was", async ({ expect }) => {
    const { control, stub, told } = await newControl();
    await control.count(counts({ "app-1": { "outcome degraded": 5 } }));
    expect((await control.metrics()).degradedSince).toBe(START);
    pass(30_000);
    await control.count(counts({ "app-2": { "outcome degraded": 2, "outcome hit": 9 } }));
    await evictDurableObject(stub);
    pass(MINUTE - 1);
    expect((await control.metrics()).degradedSince).toBe(START);
    pass(1);
    await control.count(counts({ "app-1": HITS }));
    expect((await control.metrics()).degradedSince).toBeNull();
    expect(await told()).toEqual([
      "pool: degraded ended, 7 requests without the session map in 30 s",
      "pool: degraded begun, the session map does not answer",
    ]);
  });

  it("tell that the secret was rotated, by the ids of its keys", async ({ expect }) => {
    const { control, name, told } = await newControl();
    const pool = makePool({ name });
    await control.adopt(await planOf(pool, [0x3f]));
    await control.adopt(await planOf(pool, [0x0a, 0x3f]));
    await control.adopt(await planOf(pool, [0x0a]));
    expect(await told()).toEqual([
      "pool: secret rotated, keys 0a,3f before, 0a now",
      "pool: secret rotated, keys 3f before, 0a,3f now",
    ]);
  });

  it("tell what another configuration brings", async ({ expect }) => {
    const controlled = await newControl();
    await controlled.control.adopt(controlled.plan);
    await controlled.control.adopt(await planWith(controlled, { drain: { deadline: "1m" } }));
    const origins = [{ name: "app-9", url: "https://app-9.example.com" }];
    await controlled.control.adopt(await planWith(controlled, { origins }));
    expect(await controlled.told()).toEqual([
      "pool: configuration changed, origins +app-9 -app-1 -app-2 -app-3",
      "pool: configuration changed, settings",
    ]);
  });
});

describe("of two configurations at once", () => {
  /** An isolate with that configuration asks, and brings it along if it is wanted. */
  async function ask({ control }: Controlled, plan: Controlled["plan"]): Promise<boolean> {
    const { wantsPlan } = await control.view(0, plan.digest);
    if (wantsPlan) await control.adopt(plan);
    return wantsPlan;
  }

  it("the later one counts as long as both are in use, and that is told once", async ({
    expect,
  }) => {
    const controlled = await newControl();
    const { plan: old, stub, told, row } = controlled;
    const origins = ["app-1", "app-2", "app-3"].map((name, at) => ({
      name,
      url: `https://${name}.example.com`,
      state: at === 0 ? "draining" : "active",
    }));
    const later = await planWith(controlled, { origins });
    expect(await ask(controlled, old)).toBe(true);
    expect(await ask(controlled, later)).toBe(true);
    for (let round = 0; round < 30; round += 1) {
      pass(5_000);
      expect(await ask(controlled, old)).toBe(false);
      expect(await ask(controlled, later)).toBe(false);
      if (round === 10) await evictDurableObject(stub);
    }
    // What an operator does from an isolate with the old one changes nothing about that.
    await controlled.control.change("app-2", { weight: 3 }, old);
    expect(await row("app-1")).toMatchObject({ drain_since: START });
    const kinds = (await told()).map((event) => event.split(",", 1)[0]);
    expect(kinds.filter((kind) => kind === "app-1: drain begun")).toHaveLength(1);
    expect(kinds).not.toContain("app-1: drain undone");
    // Once more after the eviction.
    expect(kinds.filter((kind) => kind === "pool: two configurations")).toHaveLength(2);
  });

  it("the earlier one counts again a minute after the later one is gone", async ({ expect }) => {
    const controlled = await newControl();
    const later = await planWith(controlled, { drain: { deadline: "1m" } });
    await ask(controlled, controlled.plan);
    await ask(controlled, later);
    pass(MINUTE - 1);
    expect(await ask(controlled, controlled.plan)).toBe(false);
    pass(1);
    expect(await ask(controlled, controlled.plan)).toBe(true);
    expect(await ask(controlled, later)).toBe(false);
  });

  it("one that was never seen counts at once", async ({ expect }) => {
    const controlled = await newControl();
    for (const deadline of ["1m", "2m", "3m"]) {
      expect(await ask(controlled, await planWith(controlled, { drain: { deadline } }))).toBe(true);
    }
  });
});
