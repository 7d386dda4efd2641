import { describe, it } from "vitest";

import { makeSlowWatch, SLOW_MS } from "../../../src/proxy/slow-watch.ts";

/** A request that waits, and what became of it. */
function waiter() {
  const work: Promise<unknown>[] = [];
  let isSlow = false;
  return {
    onSlow: () => void (isSlow = true),
    background: (one: Promise<unknown>) => void work.push(one),
    settled: () => Promise.all(work),
    get isSlow() {
      return isSlow;
    },
    get looks() {
      return work.length;
    },
  };
}

describe("requests that wait for an answer", () => {
  it("are told when they are slow, those that have been answered are not", async ({ expect }) => {
    const watch = makeSlowWatch();
    const slow = waiter();
    const quick = waiter();
    watch.enter(slow.onSlow, Date.now(), slow.background);
    watch.leave(watch.enter(quick.onSlow, Date.now(), quick.background));
    await slow.settled();
    await Promise.resolve();
    expect(slow.isSlow).toBe(true);
    expect(quick.isSlow).toBe(false);
  });

  it("share one look a second", async ({ expect }) => {
    const watch = makeSlowWatch();
    const all = Array.from({ length: 50 }, waiter);
    const now = Date.now();
    for (const one of all) watch.enter(one.onSlow, now, one.background);
    expect(all.map(({ looks }) => looks)).toEqual([1, ...Array.from({ length: 49 }, () => 0)]);
    await all[0]?.settled();
    await Promise.resolve();
    expect(all.every(({ isSlow }) => isSlow)).toBe(true);
    const next = waiter();
    watch.enter(next.onSlow, Date.now(), next.background);
    expect(next.looks).toBe(1);
  });

  it("are looked after again when the look was cut off with its request", ({ expect }) => {
    const watch = makeSlowWatch();
    const lost = waiter();
    watch.enter(lost.onSlow, 10_000, () => undefined);
    const next = waiter();
    watch.enter(next.onSlow, 10_000 + 2 * SLOW_MS - 1, next.background);
    expect(next.looks).toBe(0);
    watch.enter(next.onSlow, 10_000 + 2 * SLOW_MS, next.background);
    expect(next.looks).toBe(1);
  });
});
