import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, it, vi } from "vitest";

import {
  ALL,
  assign,
  fill,
  homeOf,
  idOf,
  LIMITS,
  newShard,
  proposing,
  START,
  type Stub,
} from "./fixtures.ts";

const ID = idOf(1);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
});
afterEach(() => {
  vi.useRealTimers();
});

function pass(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

/** Rows in storage, the expired ones included. */
function rowsIn(stub: Stub): Promise<number> {
  return runInDurableObject(
    stub,
    (_, { storage }) =>
      storage.sql.exec<{ n: number }>("SELECT COUNT(*) AS n FROM sessions").one().n,
  );
}

function alarmOf(stub: Stub): Promise<number | null> {
  return runInDurableObject(stub, (_, { storage }) => storage.getAlarm());
}

async function ringUntilQuiet(stub: Stub): Promise<number> {
  let rings = 0;
  while (rings < 100 && (await runDurableObjectAlarm(stub))) rings += 1;
  return rings;
}

describe("a session that is not used", () => {
  it("is gone after the idle time, to the millisecond and without a sweep", async ({ expect }) => {
    const stub = newShard();
    await assign(stub, ID, "app-1");
    pass(LIMITS.idleMs - 1);
    expect(await stub.find(ID)).not.toBeNull();
    pass(1);
    expect(await stub.find(ID)).toBeNull();
    expect(Object.fromEntries(await stub.counts())).toEqual({});
    expect(await stub.list({ after: "", filter: ALL, most: 10 })).toEqual([]);
    expect(await stub.release(ID)).toBeNull();
    expect(await homeOf(stub, ID)).toBe("unknown");
    expect(await assign(stub, ID, "app-2")).toMatchObject({ fresh: true, origin: "app-2" });
  });

  it("lives on when it is asked for, but not when it is only looked at", async ({ expect }) => {
    const stub = newShard();
    await assign(stub, ID, "app-1");
    await assign(stub, idOf(2), "app-1");
    pass(6_000);
    await homeOf(stub, ID);
    await stub.find(idOf(2));
    await stub.list({ after: "", filter: ALL, most: 10 });
    pass(6_000);
    expect(await stub.find(ID)).toMatchObject({ seen: START + 6_000 });
    expect(await stub.find(idOf(2))).toBeNull();
  });

  it("is not written again for a second, which costs it no more than that", async ({ expect }) => {
    const stub = newShard();
    await assign(stub, ID, "app-1");
    pass(999);
    await homeOf(stub, ID);
    expect(await stub.find(ID)).toMatchObject({ seen: START });
    pass(1);
    await homeOf(stub, ID);
    expect(await stub.find(ID)).toMatchObject({ seen: START + 1_000 });
  });
});

describe("a session that is used without end", () => {
  it("is gone after its absolute lifetime", async ({ expect }) => {
    const stub = newShard();
    await assign(stub, ID, "app-1");
    for (let ms = 5_000; ms < LIMITS.ttlMs; ms += 5_000) {
      pass(5_000);
      expect(await homeOf(stub, ID)).toBe("app-1");
    }
    pass(5_000);
    expect(await homeOf(stub, ID)).toBe("unknown");
  });

  it("takes its age along when it is moved or carried", async ({ expect }) => {
    const stub = newShard();
    const created = START - LIMITS.ttlMs + 2_000;
    await assign(stub, ID, proposing("app-1", { created, carried: true }));
    const to = { origin: "app-2", generation: 1 };
    await stub.move(ID, { by: "query", from: null, to, created: START }, LIMITS);
    expect(await stub.find(ID)).toMatchObject({ origin: "app-2", expires: START + 2_000 });
    pass(2_000);
    expect(await homeOf(stub, ID)).toBe("unknown");
  });
});

describe("a changed setting", () => {
  it("counts at once, for sessions that are there already", async ({ expect }) => {
    const stub = newShard();
    await assign(stub, ID, "app-1");
    pass(3_000);
    await assign(stub, idOf(2), "app-1", { ...LIMITS, idleMs: 2_000 });
    expect(await stub.find(ID)).toBeNull();
    expect(await stub.find(idOf(2))).toMatchObject({ expires: Date.now() + 2_000 });
    await evictDurableObject(stub);
    expect(await stub.find(idOf(2))).toMatchObject({ expires: Date.now() + 2_000 });
  });

  it("brings the alarm forward", async ({ expect }) => {
    const stub = newShard();
    await assign(stub, ID, "app-1");
    const late = await alarmOf(stub);
    await assign(stub, idOf(2), "app-1", { ...LIMITS, idleMs: 1_000 });
    expect(late).toBeGreaterThanOrEqual(START + LIMITS.idleMs);
    expect(await alarmOf(stub)).toBeLessThanOrEqual(START + 2_000);
  });
});

describe("the alarm", () => {
  it("frees the space of 10,000 sessions of 2 s, without anyone asking", async ({ expect }) => {
    const stub = newShard();
    const limits = { idleMs: 2_000, ttlMs: 60_000, cap: 20_000 };
    await fill(stub, 10_000, limits);
    expect(await rowsIn(stub)).toBe(10_000);
    expect(await alarmOf(stub)).toBeLessThanOrEqual(START + 3_000);
    pass(3_000);
    await ringUntilQuiet(stub);
    expect(await rowsIn(stub)).toBe(0);
    expect(await alarmOf(stub)).toBeNull();
  });

  it("frees a shard in slices, so that no request waits for all of it", async ({ expect }) => {
    const stub = newShard();
    await fill(stub, 5_000, { idleMs: 2_000, ttlMs: 60_000, cap: 20_000 });
    pass(3_000);
    await runDurableObjectAlarm(stub);
    expect(await rowsIn(stub)).toBeGreaterThan(0);
    expect(await alarmOf(stub)).toBeLessThanOrEqual(Date.now() + 100);
    expect(await ringUntilQuiet(stub)).toBeGreaterThan(1);
    expect(await rowsIn(stub)).toBe(0);
  });

  it("frees only what has ended, and rings again for the next", async ({ expect }) => {
    const stub = newShard();
    await assign(stub, ID, "app-1");
    pass(6_000);
    await assign(stub, idOf(2), "app-1");
    pass(5_000);
    await runDurableObjectAlarm(stub);
    expect(await rowsIn(stub)).toBe(1);
    expect(await homeOf(stub, idOf(2))).toBe("app-1");
    expect(await alarmOf(stub)).toBeGreaterThanOrEqual(START + 16_000);
    pass(11_000);
    await runDurableObjectAlarm(stub);
    expect(await rowsIn(stub)).toBe(0);
  });

  it("frees released sessions and those past their absolute lifetime", async ({ expect }) => {
    const stub = newShard();
    await assign(stub, ID, "app-1");
    await stub.release(ID);
    const created = START - LIMITS.ttlMs + 1_000;
    await assign(stub, idOf(2), proposing("app-1", { created, carried: true }));
    pass(LIMITS.idleMs + 1_000);
    await ringUntilQuiet(stub);
    expect(await rowsIn(stub)).toBe(0);
  });

  it("rings for a session that ends sooner than all before it", async ({ expect }) => {
    const stub = newShard();
    await assign(stub, ID, "app-1");
    const created = START - LIMITS.ttlMs + 1_000;
    await assign(stub, idOf(2), proposing("app-1", { created, carried: true }));
    expect(await alarmOf(stub)).toBeLessThanOrEqual(START + 2_000);
  });

  it("is still set after an eviction from memory", async ({ expect }) => {
    const stub = newShard();
    await fill(stub, 10);
    await evictDurableObject(stub);
    pass(LIMITS.idleMs + 1_000);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await rowsIn(stub)).toBe(0);
  });
});
