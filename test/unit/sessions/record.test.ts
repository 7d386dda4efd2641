import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, beforeEach, describe, it, vi } from "vitest";

import type { Fresh } from "../../../src/sessions/protocol.ts";
import { ALL, assign, idOf, LIMITS, newShard, proposing, START, type Stub } from "./fixtures.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
});
afterEach(() => {
  vi.useRealTimers();
});

const fresh = (at: number, origin = "app-1", created = START): Fresh => [
  idOf(at),
  "cookie",
  origin,
  1,
  created,
];
const record = (stub: Stub, rows: readonly Fresh[], limits = LIMITS) =>
  stub.record(JSON.stringify(rows), limits);
const counts = async (stub: Stub) => Object.fromEntries(await stub.counts());

describe("recording new sessions", () => {
  it.for([1, 3, 4, 16, 17, 41, 500])("stores %i at once, each as it is", async (n, { expect }) => {
    const stub = newShard();
    const rows = Array.from({ length: n }, (_, at) => fresh(at, `app-${at % 2}`, START - at));
    await record(stub, rows);
    const listed = await stub.list({ after: "", filter: ALL, most: 1_000 });
    expect(listed).toEqual(
      rows.map(([id, by, origin, generation, created]) => ({
        id,
        by,
        origin,
        generation,
        created,
        seen: START,
        expires: START + LIMITS.idleMs,
      })),
    );
    const odd = Math.floor(n / 2);
    expect(await counts(stub)).toEqual({ "app-0": n - odd, ...(odd > 0 ? { "app-1": odd } : {}) });
  });

  it("leaves those alone that are there, released ones too", async ({ expect }) => {
    const stub = newShard();
    await assign(stub, idOf(1), "app-1");
    await assign(stub, idOf(2), "app-1");
    await stub.release(idOf(2));
    await record(stub, [fresh(1, "app-2"), fresh(2, "app-2"), fresh(3, "app-2")]);
    expect(await counts(stub)).toEqual({ "app-1": 1, "app-2": 1 });
    const carried = proposing("app-2", { carried: true });
    expect(await assign(stub, idOf(2), carried)).toEqual({ kind: "released" });
  });

  it("takes the place of those that have ended but were not swept", async ({ expect }) => {
    const stub = newShard();
    await record(stub, [fresh(1), fresh(2)]);
    vi.setSystemTime(START + LIMITS.idleMs);
    expect(await counts(stub)).toEqual({});
    await record(stub, [fresh(1, "app-2", Date.now()), fresh(3, "app-2", Date.now())]);
    expect(await counts(stub)).toEqual({ "app-2": 2 });
    await runDurableObjectAlarm(stub);
    expect(await counts(stub)).toEqual({ "app-2": 2 });
    await evictDurableObject(stub);
    expect(await counts(stub)).toEqual({ "app-2": 2 });
  });

  it("the same rows twice changes nothing", async ({ expect }) => {
    const stub = newShard();
    const rows = [fresh(1), fresh(2), fresh(2), fresh(3, "app-2")];
    await record(stub, rows);
    await record(stub, rows);
    expect(await counts(stub)).toEqual({ "app-1": 2, "app-2": 1 });
  });

  it("pushes out the least recently seen when the shard is full", async ({ expect }) => {
    const stub = newShard();
    const limits = { ...LIMITS, cap: 10 };
    await record(
      stub,
      Array.from({ length: 10 }, (_, at) => fresh(at)),
      limits,
    );
    vi.setSystemTime(START + 1_000);
    await record(stub, [fresh(20, "app-2"), fresh(21, "app-2")], limits);
    expect(await counts(stub)).toEqual({ "app-1": 8, "app-2": 2 });
  });

  it("brings the alarm forward for a session that ends sooner", async ({ expect }) => {
    const stub = newShard();
    await record(stub, [fresh(1)]);
    await record(stub, [fresh(2, "app-1", START - LIMITS.ttlMs + 1_000)]);
    vi.setSystemTime(START + 2_000);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await stub.find(idOf(2))).toBeNull();
    expect(await stub.find(idOf(1))).not.toBeNull();
  });
});

describe("counts", () => {
  it("stay exact while sessions end, move, are released and swept", async ({ expect }) => {
    const stub = newShard();
    await record(
      stub,
      Array.from({ length: 40 }, (_, at) => fresh(at, `app-${at % 4}`)),
    );
    await stub.moveIdle("app-0", { origin: "app-1", generation: 1 }, START, 3);
    await stub.release(idOf(2));
    await stub.releaseOlder({ origin: "app-3", generation: 2 }, 4);
    await stub.forget(idOf(1));
    const expected = { "app-0": 7, "app-1": 12, "app-2": 9, "app-3": 6 };
    expect(await counts(stub)).toEqual(expected);
    await evictDurableObject(stub);
    expect(await counts(stub)).toEqual(expected);
    vi.setSystemTime(START + LIMITS.idleMs);
    expect(await counts(stub)).toEqual({});
    await runDurableObjectAlarm(stub);
    expect(await counts(stub)).toEqual({});
    await record(stub, [fresh(90, "app-1", Date.now())]);
    expect(await counts(stub)).toEqual({ "app-1": 1 });
  });
});

describe("a list of few among many", () => {
  it("is in the order of ids, in pages, for an origin, a rule or both", async ({ expect }) => {
    const stub = newShard();
    const limits = { ...LIMITS, cap: 20_000 };
    const rare = new Set([3, 700, 1_999, 4_444, 8_999]);
    for (let from = 0; from < 9_000; from += 500) {
      const rows = Array.from({ length: 500 }, (_, at): Fresh => {
        const isRare = rare.has(from + at);
        const by = isRare ? "ip" : "cookie";
        return [idOf(from + at), by, isRare ? "app-9" : "app-1", 1, START];
      });
      await record(stub, rows.toReversed(), limits);
    }
    const expected = [...rare].map(idOf);
    const filters = [
      { origin: "app-9", by: null },
      { origin: null, by: "ip" },
      { origin: "app-9", by: "ip" },
    ];
    for (const filter of filters) {
      const first = await stub.list({ after: "", filter, most: 2 });
      const rest = await stub.list({ after: first.at(-1)?.id ?? "", filter, most: 10 });
      expect([...first, ...rest].map(({ id }) => id)).toEqual(expected);
    }
    const none = await stub.list({ after: "", filter: { origin: "app-9", by: "cookie" }, most: 9 });
    expect(none).toEqual([]);
  });
});
