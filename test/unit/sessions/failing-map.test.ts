import { describe, it } from "vitest";

import { makePool } from "../fixtures.ts";
import { ALL, proposing } from "./fixtures.ts";
import { durableStore } from "../../../src/sessions/durable-store.ts";
import type { Ask } from "../../../src/sessions/protocol.ts";
import type { Answer, Pace, SessionStore } from "../../../src/session-store.ts";

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
        ...{ move: failing, release: failing, find: failing, list: failing, counts: failing },
      };
    },
  };
  const pool = makePool({ sessions: { shards: 1 } });
  return { seen, store: durableStore(pool, namespace as unknown as DurableObjectNamespace) };
}

const AT_ONCE: Pace = { windowMs: 0, background: (work) => void work.catch(() => null) };
const ask = (store: SessionStore, pace = AT_ONCE) =>
  store.assign([ID], "query", proposing("app-1"), pace);

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
    const change = { by: "ip", from: null, to: { origin: "a", generation: 1 }, created: 0 } as const;
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

  it("does not hold up the requests whose renewals ride along", async ({ expect }) => {
    const { store } = storeOver(() => new Promise(() => {}));
    const both = await Promise.allSettled([ask(store, { ...AT_ONCE, windowMs: 10 }), ask(store)]);
    expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  });
});

describe("renewals", () => {
  it("of many sessions are one call", async ({ expect }) => {
    const { seen, store } = storeOver(async (asks) => answers(asks));
    const pace: Pace = { windowMs: 10, background: (work) => void work };
    await Promise.all(
      Array.from({ length: 50 }, (_, at) => store.assign([`${ID}${at}`], "query", null, pace)),
    );
    expect(seen.calls).toBe(1);
  });

  it("that wait are sent when a listing needs them", async ({ expect }) => {
    const { seen, store } = storeOver(async (asks) => answers(asks));
    const waiting = ask(store, { windowMs: 60_000, background: (work) => void work });
    expect(seen.calls).toBe(0);
    await store.flush();
    expect(seen.calls).toBe(1);
    expect(await waiting).toMatchObject({ kind: "pinned" });
  });
});
