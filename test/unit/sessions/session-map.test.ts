import { evictDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, it, vi } from "vitest";

import { ALL, assign, fill, homeOf, idOf, LIMITS, newShard, proposing, START } from "./fixtures.ts";

const ID = idOf(1);
const OTHER = idOf(2);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
});
afterEach(() => {
  vi.useRealTimers();
});

function pass(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

describe("assigning", () => {
  it("lets the first of 100 parallel writers win, for all of them", async ({ expect }) => {
    const stub = newShard();
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, at) => assign(stub, ID, `app-${at % 7}`)),
    );
    const origins = answers.map((answer) => answer.kind === "pinned" && answer.origin);
    expect(new Set(origins).size).toBe(1);
    expect(answers.filter((answer) => answer.kind === "pinned" && answer.fresh)).toHaveLength(1);
    expect(await homeOf(stub, ID)).toBe(origins[0]);
  });

  it("lets the first of one batch win too", async ({ expect }) => {
    const ask = (origin: string) => ({ id: ID, by: "ip", proposal: proposing(origin) }) as const;
    const answers = await newShard().assign([ask("app-1"), ask("app-2")], LIMITS);
    expect(answers).toMatchObject([
      { kind: "pinned", fresh: true, origin: "app-1" },
      { kind: "pinned", fresh: false, origin: "app-1" },
    ]);
  });

  it("stores nothing without a proposal", async ({ expect }) => {
    const stub = newShard();
    expect(await assign(stub, ID, null)).toEqual({ kind: "unknown" });
    expect(await stub.find(ID)).toBeNull();
    expect(Object.fromEntries(await stub.counts())).toEqual({});
  });

  it("keeps generation and beginning of a pin that the client has carried", async ({ expect }) => {
    const stub = newShard();
    const created = START - 5_000;
    await assign(stub, ID, proposing("app-1", { generation: 7, created, carried: true }));
    expect(await stub.find(ID)).toEqual({
      id: ID,
      by: "query",
      origin: "app-1",
      generation: 7,
      created,
      seen: START,
      expires: START + LIMITS.idleMs,
    });
  });

  it("survives the object's eviction from memory", async ({ expect }) => {
    const stub = newShard();
    await fill(stub, 50);
    await stub.release(idOf(3));
    await evictDurableObject(stub);
    expect(Object.fromEntries(await stub.counts())).toEqual({ "app-1": 49 });
    expect(await homeOf(stub, idOf(49))).toBe("app-1");
    expect(await assign(stub, idOf(3), proposing("app-1", { carried: true }))).toEqual({
      kind: "released",
    });
  });
});

describe("releasing", () => {
  it("answers what was released, once", async ({ expect }) => {
    const stub = newShard();
    await assign(stub, ID, "app-1");
    expect(await stub.release(ID)).toMatchObject({ id: ID, origin: "app-1" });
    expect(await stub.release(ID)).toBeNull();
    expect(await stub.release(OTHER)).toBeNull();
    expect(await stub.find(ID)).toBeNull();
    expect(await stub.list({ after: "", filter: ALL, most: 10 })).toEqual([]);
  });

  it("voids the pins that clients carry, and no other proposal", async ({ expect }) => {
    const stub = newShard();
    await assign(stub, ID, "app-1");
    await stub.release(ID);
    const carried = proposing("app-1", { carried: true, created: START - 1_000 });
    expect(await assign(stub, ID, carried)).toEqual({ kind: "released" });
    expect(await assign(stub, ID, carried)).toEqual({ kind: "released" });
    expect(await assign(stub, ID, null)).toEqual({ kind: "released" });
    expect(await assign(stub, OTHER, carried)).toMatchObject({ kind: "pinned", origin: "app-1" });
    expect(await assign(stub, ID, "app-2")).toMatchObject({ fresh: true, origin: "app-2" });
  });

  it("voids them until the last one that was carried has ended", async ({ expect }) => {
    const stub = newShard();
    await assign(stub, ID, "app-1");
    pass(9_000);
    await stub.release(ID);
    pass(LIMITS.idleMs - 1);
    const carried = proposing("app-1", { carried: true, created: START });
    expect(await assign(stub, ID, carried)).toEqual({ kind: "released" });
  });
});

describe("moving", () => {
  const change = (from: string | null, to: string, generation = 1) => ({
    by: "query" as const,
    from: from === null ? null : { origin: from, generation },
    to: { origin: to, generation: 2 },
    created: START - 1_000,
  });

  it("happens only if the session is still where it was thought to be", async ({ expect }) => {
    const stub = newShard();
    await assign(stub, ID, "app-1");
    expect(await stub.move(ID, change("app-2", "app-3"), LIMITS)).toMatchObject({
      kind: "pinned",
      origin: "app-1",
      generation: 1,
    });
    expect(await stub.move(ID, change("app-1", "app-3", 9), LIMITS)).toMatchObject({
      origin: "app-1",
    });
    expect(await stub.move(ID, change("app-1", "app-3"), LIMITS)).toMatchObject({
      origin: "app-3",
      generation: 2,
      created: START,
    });
  });

  it("has one winner among many that saw the same origin fail", async ({ expect }) => {
    const stub = newShard();
    await assign(stub, ID, "app-0");
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, at) =>
        stub.move(ID, change("app-0", `app-${at + 1}`), LIMITS),
      ),
    );
    const origins = answers.map((answer) => answer.kind === "pinned" && answer.origin);
    expect(new Set(origins).size).toBe(1);
    expect(await homeOf(stub, ID)).toBe(origins[0]);
  });

  it("happens whatever the map says when the operator asks", async ({ expect }) => {
    const stub = newShard();
    await assign(stub, ID, "app-1");
    await stub.move(ID, change(null, "app-3"), LIMITS);
    expect(await homeOf(stub, ID)).toBe("app-3");
  });

  it("brings back no released session", async ({ expect }) => {
    const stub = newShard();
    await assign(stub, ID, "app-1");
    await stub.release(ID);
    expect(await stub.move(ID, change("app-1", "app-3"), LIMITS)).toEqual({ kind: "released" });
    expect(await homeOf(stub, ID)).toBe("released");
  });

  it("stores a session that was gone, with the beginning it had", async ({ expect }) => {
    const stub = newShard();
    expect(await stub.move(ID, change("app-1", "app-3"), LIMITS)).toMatchObject({
      kind: "pinned",
      origin: "app-3",
      created: START - 1_000,
    });
    expect(Object.fromEntries(await stub.counts())).toEqual({ "app-3": 1 });
  });
});

describe("room", () => {
  it("is made by those that were seen least recently", async ({ expect }) => {
    const stub = newShard();
    const limits = { ...LIMITS, cap: 3 };
    for (const number of [1, 2, 3]) {
      await assign(stub, idOf(number), "app-1", limits);
      pass(1_500);
    }
    await homeOf(stub, idOf(1), limits);
    pass(1_500);
    await assign(stub, idOf(4), "app-1", limits);
    const left = await stub.list({ after: "", filter: ALL, most: 10 });
    expect(left.map(({ id }) => id)).toEqual([idOf(1), idOf(3), idOf(4)]);
  });

  it("is bounded whatever comes in, also after an eviction from memory", async ({ expect }) => {
    const stub = newShard();
    const limits = { ...LIMITS, cap: 100 };
    await fill(stub, 1_000, limits);
    expect(Object.fromEntries(await stub.counts())).toEqual({ "app-1": 100 });
    await evictDurableObject(stub);
    pass(10);
    await assign(stub, idOf(5_000), "app-2", limits);
    expect(Object.fromEntries(await stub.counts())).toEqual({ "app-1": 99, "app-2": 1 });
  });

  it("is not used up by a session that ended and was moved before it was swept", async ({
    expect,
  }) => {
    const stub = newShard();
    const limits = { ...LIMITS, cap: 2 };
    await assign(stub, ID, "app-1", limits);
    const to = { origin: "app-2", generation: 1 };
    for (let time = 0; time < 5; time += 1) {
      pass(LIMITS.idleMs + 1);
      await stub.move(ID, { by: "query", from: null, to, created: Date.now() }, limits);
    }
    pass(10);
    await assign(stub, OTHER, "app-1", limits);
    expect(Object.fromEntries(await stub.counts())).toEqual({ "app-1": 1, "app-2": 1 });
  });

  it("is given back by sessions that are forgotten", async ({ expect }) => {
    const stub = newShard();
    const limits = { ...LIMITS, cap: 2 };
    await assign(stub, ID, "app-1", limits);
    await assign(stub, OTHER, "app-1", limits);
    await stub.forget(ID);
    await stub.forget(ID);
    await assign(stub, idOf(3), "app-1", limits);
    expect(Object.fromEntries(await stub.counts())).toEqual({ "app-1": 2 });
    expect(await homeOf(stub, OTHER, limits)).toBe("app-1");
  });
});
