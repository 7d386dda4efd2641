import { afterEach, beforeEach, describe, it, vi } from "vitest";

import { makePool } from "../fixtures.ts";
import { rowOf, viewOf } from "./fixtures.ts";
import type { Snapshot } from "../../../src/model.ts";
import type { Control, News } from "../../../src/pools/control.ts";
import { planOf, viewer, type LocalHealth } from "../../../src/pools/view.ts";

const START = 1_790_000_000_000;
const HANGING = new Promise<never>(() => {});

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
  vi.spyOn(console, "warn").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

function pass(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

/** A viewer over a control object whose answers the test decides on. */
async function makeViewer(answer: (call: number, known: number) => Promise<News>) {
  const pool = makePool();
  const calls: number[] = [];
  const adopted: unknown[] = [];
  const work: Promise<unknown>[] = [];
  const local = { ejections: new Map<string, number>(), changes: 0 };
  const counted = { take: () => null, giveBack: () => {} };
  const control = {
    view: (known: number) => answer(calls.push(known), known),
    adopt: async (plan: unknown) => void adopted.push(plan),
  };
  const plan = await planOf(pool);
  const view = viewer(
    pool,
    plan,
    () => control as unknown as Control,
    local as LocalHealth,
    counted,
  );
  const current = () => view.current(Date.now(), (one) => work.push(one));
  return { ...view, current, calls, adopted, work, local, plan };
}

const drained = (version: number, name = "app-1"): News => ({
  view: viewOf({ version, origins: [rowOf(name, { state: "draining" })] }),
  wantsPlan: false,
});
const NOTHING_NEW: News = { view: null, wantsPlan: false };

const takersOf = (snapshot: Snapshot) => snapshot.takers.map(({ origin }) => origin.name);

describe("a view", () => {
  it("is fetched before its first use", async ({ expect }) => {
    const { current, calls } = await makeViewer(async () => drained(7));
    expect(takersOf(await current())).toEqual(["app-2", "app-3"]);
    expect(calls).toEqual([0]);
  });

  it("is used for 5 s as it is, without a call and without a promise", async ({ expect }) => {
    const { current, calls } = await makeViewer(async () => drained(7));
    await current();
    pass(4_999);
    const seen = current();
    expect(seen).not.toBeInstanceOf(Promise);
    expect(takersOf(seen as Snapshot)).toEqual(["app-2", "app-3"]);
    expect(calls).toHaveLength(1);
  });

  it("is refreshed in the background once it is 5 s old, by one request", async ({ expect }) => {
    const { current, calls, work } = await makeViewer(async (call) =>
      drained(call, call === 1 ? "app-1" : "app-2"),
    );
    await current();
    pass(5_000);
    const during = [current(), current(), current()];
    for (const seen of during) expect(takersOf(seen as Snapshot)).toEqual(["app-2", "app-3"]);
    await Promise.all(work);
    expect(takersOf(current() as Snapshot)).toEqual(["app-1", "app-3"]);
    expect(calls).toEqual([0, 1]);
  });

  it("is refreshed before it is used once it is 30 s old", async ({ expect }) => {
    const { current } = await makeViewer(async (call) =>
      drained(call, call === 1 ? "app-1" : "app-2"),
    );
    await current();
    pass(30_000);
    expect(takersOf(await current())).toEqual(["app-1", "app-3"]);
  });

  it("of 30 s is used by none of many parallel requests", async ({ expect }) => {
    const { current } = await makeViewer(async (call) =>
      drained(call, call === 1 ? "app-1" : "app-2"),
    );
    await current();
    pass(30_000);
    const all = await Promise.all([current(), current(), current()]);
    for (const seen of all) expect(takersOf(seen)).toEqual(["app-1", "app-3"]);
  });

  it("stays as it is when there is no news", async ({ expect }) => {
    const { current, work } = await makeViewer(async (call) =>
      call === 1 ? drained(3) : NOTHING_NEW,
    );
    const before = await current();
    pass(6_000);
    current();
    await Promise.all(work);
    expect(current()).toBe(before);
  });

  it("brings the configuration along when the control object asks for it", async ({ expect }) => {
    const { current, adopted, plan } = await makeViewer(async (call) => ({
      ...drained(call),
      wantsPlan: call === 1,
    }));
    await current();
    pass(30_000);
    await current();
    expect(adopted).toEqual([plan]);
  });

  it("is fetched at once by whoever has changed it", async ({ expect }) => {
    const { current, refresh } = await makeViewer(async (call) =>
      drained(call, call === 1 ? "app-1" : "app-2"),
    );
    await current();
    expect(takersOf(await refresh())).toEqual(["app-1", "app-3"]);
    expect(takersOf(current() as Snapshot)).toEqual(["app-1", "app-3"]);
  });
});

describe("a control object that fails", () => {
  const failing = async () => Promise.reject(new Error("down"));

  it("leaves the configuration where there never was a view", async ({ expect }) => {
    const { current } = await makeViewer(failing);
    expect(takersOf(await current())).toEqual(["app-1", "app-2", "app-3"]);
  });

  it("leaves the last view, however old", async ({ expect }) => {
    const { current } = await makeViewer(async (call) => (call === 1 ? drained(3) : failing()));
    await current();
    pass(3_600_000);
    expect(takersOf(await current())).toEqual(["app-2", "app-3"]);
  });

  it("is asked again a second later, not by every request", async ({ expect }) => {
    const { current, calls, work } = await makeViewer(failing);
    await current();
    for (let request = 0; request < 10; request += 1) await current();
    expect(calls).toHaveLength(1);
    pass(1_000);
    await current();
    await Promise.all(work);
    expect(calls).toHaveLength(2);
  });
});

describe("a control object that hangs", () => {
  it("holds up the first requests only so long, then the configuration is used", async ({
    expect,
  }) => {
    const { current } = await makeViewer(() => HANGING);
    expect(takersOf(await current())).toEqual(["app-1", "app-2", "app-3"]);
    expect(current()).not.toBeInstanceOf(Promise);
  });

  it("is given up after a while and asked again", async ({ expect }) => {
    const { current, calls } = await makeViewer((call) =>
      call === 1 ? HANGING : Promise.resolve(drained(9)),
    );
    await current();
    pass(30_000);
    expect(takersOf(await current())).toEqual(["app-2", "app-3"]);
    expect(calls).toEqual([0, 0]);
  });

  it("changes nothing when it answers after a newer view has come", async ({ expect }) => {
    const late = Promise.withResolvers<News>();
    const { current, work } = await makeViewer((call) =>
      call === 1 ? late.promise : Promise.resolve(drained(9)),
    );
    await current();
    pass(6_000);
    await current();
    await work.at(-1);
    late.resolve(drained(2, "app-3"));
    await Promise.all(work);
    expect(takersOf(await current())).toEqual(["app-2", "app-3"]);
  });
});

describe("what this isolate knows by itself", () => {
  it("counts at once, and ends by itself, with no call for either", async ({ expect }) => {
    const { current, calls, local } = await makeViewer(async () => drained(1, "app-9"));
    await current();
    local.ejections.set("app-1", Date.now() + 1_000);
    local.changes += 1;
    expect(takersOf(current() as Snapshot)).toEqual(["app-2", "app-3"]);
    pass(1_000);
    expect(takersOf(current() as Snapshot)).toEqual(["app-1", "app-2", "app-3"]);
    expect(calls).toHaveLength(1);
  });
});
