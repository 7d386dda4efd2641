import { describe, it, vi } from "vitest";

import type { Background } from "../../../src/model.ts";
import { makePool } from "../fixtures.ts";
import { ALL, proposing } from "./fixtures.ts";
import { durableStore } from "../../../src/sessions/durable-store.ts";
import type { Ask } from "../../../src/sessions/protocol.ts";
import type { Answer, Pace, SessionStore } from "../../../src/shared/session-store.ts";

const ID = "a-session-of-the-map-0";

type Assign = (asks: readonly Ask[], call: number) => Promise<Answer[]>;

/** A store over a map whose `assign` does this; counts stubs made and calls. */
function storeOver(assign: Assign) {
  const seen = { stubs: 0, calls: 0 };
  const namespace = {
    getByName() {
      seen.stubs += 1;
      const failing = async () => Promise.reject(new Error("down"));
      return {
        assign: (asks: readonly Ask[]) => assign(asks, (seen.calls += 1)),
        move: failing,
        release: failing,
        find: failing,
        list: failing,
        counts: failing,
      };
    },
  };
  const pool = makePool({ sessions: { shards: 1 } });
  return { seen, store: durableStore(pool, namespace as unknown as DurableObjectNamespace) };
}

const background: Background = (work) => void work.catch(() => null);
const ask = (store: SessionStore) => store.assign([ID], "query", proposing("app-1"), background);

function failure(marks: { retryable?: boolean; overloaded?: boolean }): Error {
  return Object.assign(new Error("broken"), marks);
}

const answers = (asks: readonly Ask[]): Answer[] =>
  asks.map(() => ({
    kind: "pinned",
    fresh: true,
    origin: "app-1",
    generation: 1,
    created: 0,
    seen: 0,
  }));

describe("a session map that fails", () => {
  it("throws for every question, so that the request can be served without", async ({ expect }) => {
    const { store } = storeOver(async () => Promise.reject(failure({})));
    const change = {
      by: "ip",
      from: null,
      to: { origin: "a", generation: 1 },
      created: 0,
    } as const;
    await expect(ask(store)).rejects.toThrow();
    await expect(store.move([ID], change)).rejects.toThrow();
    await expect(store.release(ID)).rejects.toThrow();
    await expect(store.find(ID)).rejects.toThrow();
    await expect(store.list("", ALL, 10)).rejects.toThrow();
    await expect(store.counts()).rejects.toThrow();
  });

  it("is asked again, through a new stub, when the platform says so", async ({ expect }) => {
    const { seen, store } = storeOver(async (asks, call) => {
      if (call < 3) throw failure({ retryable: true });
      return answers(asks);
    });
    expect(await ask(store)).toMatchObject({ kind: "pinned" });
    expect(seen).toEqual({ calls: 3, stubs: 3 });
  });

  it("is not asked without end", async ({ expect }) => {
    const { seen, store } = storeOver(async () => Promise.reject(failure({ retryable: true })));
    await expect(ask(store)).rejects.toThrow("broken");
    expect(seen.calls).toBe(3);
  });

  it.for([{}, { retryable: false }, { retryable: true, overloaded: true }])(
    "is not asked again after a failure of %j",
    async (marks, { expect }) => {
      const { seen, store } = storeOver(async () => Promise.reject(failure(marks)));
      await expect(ask(store)).rejects.toThrow("broken");
      expect(seen.calls).toBe(1);
    },
  );

  it("is not waited for without end when it hangs", async ({ expect }) => {
    const { store } = storeOver(() => new Promise(() => {}));
    await expect(ask(store)).rejects.toThrow("too long");
  });
});

describe("renewals", () => {
  it("of many sessions are one call, whose answers reach those who asked", async ({ expect }) => {
    const { seen, store } = storeOver(async (asks) => answers(asks));
    const work: Promise<unknown>[] = [];
    const pace: Pace = { windowMs: 10, isFresh: false, background: (one) => void work.push(one) };
    const heard: Answer[] = [];
    for (let at = 0; at < 50; at += 1) {
      store.later([`${ID}${at}`], "query", null, pace, (answer) => heard.push(answer));
    }
    await Promise.all(work);
    expect(seen.calls).toBe(1);
    expect(heard).toHaveLength(50);
  });

  it("that wait are sent when a listing needs them", async ({ expect }) => {
    const { seen, store } = storeOver(async (asks) => answers(asks));
    const heard: Answer[] = [];
    const pace: Pace = { windowMs: 60_000, isFresh: false, background: (work) => void work };
    store.later([ID], "query", null, pace, (answer) => heard.push(answer));
    expect(seen.calls).toBe(0);
    await store.flush();
    expect(seen.calls).toBe(1);
    expect(heard).toHaveLength(1);
  });

  it("that fail break nothing", async ({ expect }) => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const { store } = storeOver(async () => Promise.reject(failure({})));
    const work: Promise<unknown>[] = [];
    const pace: Pace = { windowMs: 1, isFresh: false, background: (one) => void work.push(one) };
    store.later([ID], "query", null, pace, () => {});
    await expect(Promise.all(work)).resolves.toBeDefined();
    expect(warn).toHaveBeenCalledOnce();
    warn.mockRestore();
  });
});
