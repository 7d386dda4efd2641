import { describe, it, vi } from "vitest";

import { ALL, assign, fill, idOf, LIMITS, newShard, START, type Stub } from "./fixtures.ts";
import type { Ask } from "../../../src/sessions/protocol.ts";
import type { Filter } from "../../../src/shared/session-store.ts";

async function pages(
  stub: Stub,
  filter: Filter,
  most: number,
  between: (page: number) => Promise<unknown> = async () => null,
): Promise<string[]> {
  const ids: string[] = [];
  for (let page = 0; ; page += 1) {
    const found = await stub.list({ after: ids.at(-1) ?? "", filter, most });
    ids.push(...found.map(({ id }) => id));
    if (found.length < most) return ids;
    await between(page);
  }
}

describe("the list of a shard", () => {
  it("comes in pages that together hold each session once", async ({ expect }) => {
    const stub = newShard();
    await fill(stub, 103);
    const all = Array.from({ length: 103 }, (_, at) => idOf(at));
    for (const most of [1, 7, 50, 103, 1_000]) {
      expect(await pages(stub, ALL, most)).toEqual(all);
    }
  });

  it("is in the order of ids, whoever came or was seen first", async ({ expect }) => {
    const stub = newShard();
    vi.useFakeTimers({ toFake: ["Date"], now: START });
    for (const at of [5, 2, 9, 1, 7]) {
      await assign(stub, idOf(at), "app-1");
      vi.setSystemTime(Date.now() + 1_500);
    }
    await assign(stub, idOf(2), null);
    expect(await pages(stub, ALL, 2)).toEqual([1, 2, 5, 7, 9].map(idOf));
    vi.useRealTimers();
  });

  it("stays stable while sessions come, go and are renewed between pages", async ({ expect }) => {
    const stub = newShard();
    await fill(stub, 100);
    const listed = await pages(stub, ALL, 10, async (page) => {
      await assign(stub, idOf(10_000 + page), "app-1");
      await assign(stub, idOf(page), null);
      await stub.release(idOf(page));
    });
    const kept = Array.from({ length: 100 }, (_, at) => idOf(at));
    expect(listed.filter((id) => id < idOf(10_000))).toEqual(kept);
    expect(new Set(listed).size).toBe(listed.length);
  });

  it("holds one origin's or one rule's sessions when asked to, and counts the same", async ({
    expect,
  }) => {
    const stub = newShard();
    const asks = Array.from({ length: 60 }, (_, at): Ask => ({
      id: idOf(at),
      by: at % 2 === 0 ? "ip" : "query",
      proposal: { origin: `app-${at % 3}`, generation: 1, created: null, carried: false },
    }));
    await stub.assign(asks, LIMITS);
    expect(await pages(stub, { origin: "app-1", by: null }, 7)).toHaveLength(20);
    expect(await pages(stub, { origin: null, by: "ip" }, 7)).toHaveLength(30);
    expect(await pages(stub, { origin: "app-1", by: "ip" }, 7)).toHaveLength(10);
    expect(await pages(stub, { origin: "app-9", by: null }, 7)).toEqual([]);
    expect(Object.fromEntries(await stub.counts())).toEqual({
      "app-0": 20,
      "app-1": 20,
      "app-2": 20,
    });
  });

  it("counts a session where it is, not where it was", async ({ expect }) => {
    const stub = newShard();
    await fill(stub, 10);
    const to = { origin: "app-2", generation: 1 };
    for (const at of [0, 1, 2]) {
      await stub.move(idOf(at), { by: "query", from: null, to, created: 0 }, LIMITS);
    }
    await stub.release(idOf(3));
    await stub.forget(idOf(4));
    expect(Object.fromEntries(await stub.counts())).toEqual({ "app-1": 5, "app-2": 3 });
  });
});

describe("moving sessions that nobody uses", () => {
  it("takes those seen least recently, and none that has ended", async ({ expect }) => {
    const stub = newShard();
    vi.useFakeTimers({ toFake: ["Date"], now: START });
    await assign(stub, idOf(1), "app-1");
    for (const at of [2, 3, 4]) {
      vi.setSystemTime(START + 9_000 + at * 1_000);
      await assign(stub, idOf(at), "app-1");
    }
    const to = { origin: "app-2", generation: 3 };
    expect(await stub.moveIdle("app-1", to, Date.now() - 1_000, 1)).toBe(1);
    expect(await stub.find(idOf(2))).toMatchObject(to);
    expect(await stub.moveIdle("app-1", to, Date.now() - 1_000, 10)).toBe(1);
    expect(Object.fromEntries(await stub.counts())).toEqual({ "app-1": 1, "app-2": 2 });
    vi.useRealTimers();
  });
});
