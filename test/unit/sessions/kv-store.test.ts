import { env } from "cloudflare:workers";
import * as v from "valibot";
import { afterEach, beforeEach, describe, it, vi } from "vitest";

import { problemsOf } from "../config/fixtures.ts";
import { makePool } from "../fixtures.ts";
import { ALL, idOf, proposing, START } from "./fixtures.ts";
import { sessionsQuery } from "../../../src/admin/schemas.ts";
import type { Background, By } from "../../../src/model.ts";
import { kvStore } from "../../../src/sessions/kv-store.ts";
import type { Answer, Place, SessionStore } from "../../../src/shared/session-store.ts";

const KV = (env as unknown as { readonly SESSIONS_KV: KVNamespace }).SESSIONS_KV;
const ID = "a-session-of-the-map-0";
const OLD = "its-id-under-the-old-0";
const SECOND = 1_000;
const MINUTE = 60 * SECOND;

let poolsMade = 0;

/** A store of a pool that no other test has used, over KV as it is but for some methods. */
function newStore(
  settings: Readonly<Record<string, unknown>> = {},
  instead: Partial<KVNamespace> = {},
) {
  poolsMade += 1;
  const name = `pool-${poolsMade}`;
  const calls = { reads: 0, writes: 0, deletes: 0, lists: 0 };
  const lifetimes: (number | undefined)[] = [];
  const pending: Promise<unknown>[] = [];
  const kv = {
    getWithMetadata: (key: string) => ((calls.reads += 1), KV.getWithMetadata(key)),
    put(key: string, value: string, options: KVNamespacePutOptions) {
      calls.writes += 1;
      lifetimes.push(options.expirationTtl);
      return KV.put(key, value, options);
    },
    delete: (key: string) => ((calls.deletes += 1), KV.delete(key)),
    list: (options: KVNamespaceListOptions) => ((calls.lists += 1), KV.list(options)),
    ...instead,
  } as unknown as KVNamespace;
  const pool = makePool({ name, sessions: { store: "kv", idle: "30m", ttl: "23h", ...settings } });
  const store = kvStore(pool, kv);
  const background: Background = (work) => void pending.push(work);
  const assign = (origin: string | null, ids: readonly string[] = [ID], by: By = "query") =>
    store.assign(ids, by, origin === null ? null : proposing(origin), background);
  const carry = (origin: string, ids: readonly string[] = [ID], created: number | null = null) =>
    store.assign(ids, "cookie", proposing(origin, { carried: true, created }), background);
  const later = (origin: string, ids: readonly string[], then: (answer: Answer) => void) =>
    store.later(
      ids,
      "query",
      proposing(origin),
      { windowMs: 60_000, isFresh: false, background },
      then,
    );
  const settled = () => Promise.all(pending.splice(0));
  return { name, store, calls, lifetimes, assign, carry, later, settled };
}

const originOf = (answer: Answer) => (answer.kind === "pinned" ? answer.origin : answer.kind);
const at = (origin: string): Place => ({ origin, generation: 1 });

function move(store: SessionStore, from: string | null, to: string, ids: readonly string[] = [ID]) {
  const change = { by: "query", to: at(to), created: Date.now() } as const;
  return store.move(ids, { ...change, from: from === null ? null : at(from) });
}

/** All pages; how many there were, and the ids in their order. */
async function walk(
  store: SessionStore,
  most: number,
  filter = ALL as Parameters<SessionStore["list"]>[1],
) {
  const ids: string[] = [];
  const cursors: string[] = [];
  let cursor = "";
  for (;;) {
    const { sessions, next } = await store.list(cursor, filter, most);
    ids.push(...sessions.map(({ id }) => id));
    if (next === null) return { ids, cursors };
    cursors.push(next);
    cursor = next;
  }
}

/** KV that lists few keys per call, so that few keys make many pages. */
const inPagesOf = (limit: number): Partial<KVNamespace> => ({
  list: ((options: KVNamespaceListOptions) =>
    KV.list({ ...options, limit })) as KVNamespace["list"],
});

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(START);
});

afterEach(() => {
  vi.useRealTimers();
});

describe("the session map in KV", () => {
  it("stores the first proposal and answers with it from then on", async ({ expect }) => {
    const { assign } = newStore();
    expect(await assign("app-1")).toEqual({
      kind: "pinned",
      fresh: true,
      ...at("app-1"),
      created: START,
      seen: START,
    });
    expect(await assign("app-2")).toMatchObject({ fresh: false, origin: "app-1" });
    expect(await assign(null)).toMatchObject({ fresh: false, origin: "app-1" });
  });

  it("stores nothing when nothing is proposed", async ({ expect }) => {
    const { assign, calls } = newStore();
    expect(await assign(null)).toEqual({ kind: "unknown" });
    expect(calls.writes).toBe(0);
  });

  it("keeps a session as the metadata of an empty key that lives as long", async ({ expect }) => {
    const { name, assign, lifetimes } = newStore();
    await assign("app-1");
    const { value, metadata } = await KV.getWithMetadata(`s/${name}/${ID}`);
    expect(value).toBe("");
    expect(metadata).toEqual({ by: "query", ...at("app-1"), created: START, seen: START });
    expect(lifetimes).toEqual([30 * 60]);
  });

  it("keeps the sessions of pools apart", async ({ expect }) => {
    const [one, other] = [newStore(), newStore()];
    await one.assign("app-1");
    expect(await other.assign(null)).toEqual({ kind: "unknown" });
    expect(await other.store.list("", ALL, 10)).toEqual({ sessions: [], next: null });
  });

  it("keeps a carried session as old as its client says", async ({ expect }) => {
    const { carry, store } = newStore();
    await carry("app-1", [ID], START - 5 * MINUTE);
    expect(await store.find(ID)).toMatchObject({ by: "cookie", created: START - 5 * MINUTE });
  });

  it("forgets a session under all of its ids", async ({ expect }) => {
    const { assign, store } = newStore();
    await assign("app-1");
    await assign("app-1", [OLD]);
    await store.forget([ID, OLD]);
    expect(await assign(null, [ID, OLD])).toEqual({ kind: "unknown" });
  });

  it("finds nothing by an id that no session can have", async ({ expect }) => {
    const { store } = newStore();
    for (const id of ["x".repeat(600), "../x", "", "ä"]) {
      expect(await store.find(id)).toBeNull();
      expect(await store.release(id)).toBeNull();
    }
  });
});

describe("the end of a session in KV", () => {
  it("comes to the millisecond after the idle time", async ({ expect }) => {
    const { assign, store } = newStore();
    await assign("app-1");
    expect(await store.find(ID)).toMatchObject({ expires: START + 30 * MINUTE });
    vi.setSystemTime(START + 30 * MINUTE - 1);
    expect(await store.find(ID)).not.toBeNull();
    vi.setSystemTime(START + 30 * MINUTE);
    expect(await store.find(ID)).toBeNull();
    expect(await assign("app-2")).toMatchObject({ fresh: true, origin: "app-2" });
  });

  it("comes after the absolute lifetime, however often it is used", async ({ expect }) => {
    const { assign, settled } = newStore({ ttl: "1h" });
    for (let now = START; now < START + 60 * MINUTE; now += 10 * MINUTE) {
      vi.setSystemTime(now);
      expect(originOf(await assign("app-1"))).toBe("app-1");
      await settled();
    }
    vi.setSystemTime(START + 60 * MINUTE);
    expect(await assign(null)).toEqual({ kind: "unknown" });
  });

  it("comes before the minute for which KV keeps the key at least", async ({ expect }) => {
    const { assign, store, lifetimes } = newStore({ ttl: "20s" });
    await assign("app-1");
    expect(lifetimes).toEqual([60]);
    vi.setSystemTime(START + 20 * SECOND);
    expect(await assign(null)).toEqual({ kind: "unknown" });
    expect((await store.list("", ALL, 10)).sessions).toEqual([]);
    expect(Object.fromEntries(await store.counts())).toEqual({});
  });
});

describe("a renewal in KV", () => {
  it.for([
    ["30m", MINUTE],
    ["2m", 30 * SECOND],
  ] as const)(
    "of a session with %s of idle time is written after %d ms",
    async ([idle, due], { expect }) => {
      const { assign, store, calls, lifetimes, settled } = newStore({ idle });
      await assign("app-1");
      vi.setSystemTime(START + due - 1);
      expect(await assign(null)).toMatchObject({ seen: START });
      await settled();
      expect(calls.writes).toBe(1);
      vi.setSystemTime(START + due);
      expect(await assign(null)).toMatchObject({ seen: START + due });
      await settled();
      expect(calls.writes).toBe(2);
      expect(lifetimes[1]).toBe(lifetimes[0]);
      expect(await store.find(ID)).toMatchObject({ seen: START + due, created: START });
    },
  );

  it("holds up no request, and fails none", async ({ expect }) => {
    let isDown = false;
    const put = ((...args: Parameters<typeof KV.put>) =>
      isDown ? Promise.reject(new Error("429")) : KV.put(...args)) as KVNamespace["put"];
    const { assign, settled } = newStore({}, { put });
    await assign("app-1");
    isDown = true;
    vi.setSystemTime(START + MINUTE);
    expect(originOf(await assign(null))).toBe("app-1");
    await settled();
  });
});

describe("a question to KV that no request waits for", () => {
  it("is asked without waiting for others, and answered", async ({ expect }) => {
    const { later, store, settled } = newStore();
    const answers: Answer[] = [];
    later("app-1", [ID], (answer) => answers.push(answer));
    await settled();
    expect(answers.map(originOf)).toEqual(["app-1"]);
    expect(await store.find(ID)).toMatchObject({ origin: "app-1" });
  });

  it("is left out while the session may have a row under an older name", async ({ expect }) => {
    const { later, calls, settled } = newStore();
    later("app-1", [ID, OLD], () => expect.unreachable());
    await settled();
    expect(calls).toEqual({ reads: 0, writes: 0, deletes: 0, lists: 0 });
  });

  it("has no answer when it fails, and fails nothing else", async ({ expect }) => {
    const put = (async () => Promise.reject(new Error("429"))) as KVNamespace["put"];
    const { later, settled } = newStore({}, { put });
    later("app-1", [ID], () => expect.unreachable());
    await settled();
  });
});

describe("a move in KV", () => {
  it("moves a session that is where it was thought to be, and keeps its age", async ({
    expect,
  }) => {
    const { assign, store } = newStore();
    await assign("app-1");
    vi.setSystemTime(START + SECOND);
    const moved = { ...at("app-2"), created: START, seen: START + SECOND };
    expect(await move(store, "app-1", "app-2")).toEqual({ kind: "pinned", fresh: true, ...moved });
    expect(await store.find(ID)).toMatchObject({ by: "query", ...moved });
  });

  it("leaves a session that somebody else has moved", async ({ expect }) => {
    const { assign, store, calls } = newStore();
    await assign("app-3");
    expect(await move(store, "app-1", "app-2")).toMatchObject({ fresh: false, origin: "app-3" });
    expect(calls.writes).toBe(1);
  });

  it("leaves a released session, unless it is told to move it anyway", async ({ expect }) => {
    const { assign, store } = newStore();
    await assign("app-1");
    await store.release(ID);
    expect(await move(store, "app-1", "app-2")).toEqual({ kind: "released" });
    expect(originOf(await move(store, null, "app-2"))).toBe("app-2");
  });

  it("stores a session that is gone", async ({ expect }) => {
    const { assign, store } = newStore();
    expect(await move(store, "app-1", "app-2")).toMatchObject({ fresh: true, created: START });
    expect(originOf(await assign(null))).toBe("app-2");
  });

  it("to where the session is writes no more often than a renewal", async ({ expect }) => {
    const { store, calls } = newStore();
    await move(store, null, "app-1");
    expect(originOf(await move(store, null, "app-1"))).toBe("app-1");
    expect(calls.writes).toBe(1);
    vi.setSystemTime(START + MINUTE);
    expect(await move(store, null, "app-1")).toMatchObject({ seen: START + MINUTE });
    expect(calls.writes).toBe(2);
  });
});

describe("a release in KV", () => {
  it("answers with the session, once", async ({ expect }) => {
    const { assign, store } = newStore();
    await assign("app-1");
    expect(await store.release(ID)).toMatchObject({ id: ID, by: "query", origin: "app-1" });
    expect(await store.release(ID)).toBeNull();
    expect(await store.find(ID)).toBeNull();
    expect(await store.release("a-session-nobody-knows")).toBeNull();
  });

  it("voids the pin that a client carries for as long as that could live", async ({ expect }) => {
    const { carry, store, lifetimes } = newStore();
    await carry("app-1");
    vi.setSystemTime(START + 10 * MINUTE);
    await store.release(ID);
    expect(lifetimes.at(-1)).toBe(30 * 60);
    vi.setSystemTime(START + 40 * MINUTE - 1);
    expect(await carry("app-1")).toEqual({ kind: "released" });
    vi.setSystemTime(START + 40 * MINUTE);
    expect(originOf(await carry("app-1"))).toBe("app-1");
  });

  it("lets the session begin anew", async ({ expect }) => {
    const { assign, store } = newStore();
    await assign("app-1");
    await store.release(ID);
    expect(await assign(null)).toEqual({ kind: "released" });
    expect(await assign("app-2")).toMatchObject({ fresh: true, origin: "app-2" });
  });
});

describe("a release of all sessions of an origin in KV", () => {
  it("drops those of earlier generations and counts them", async ({ expect }) => {
    const { assign, store } = newStore();
    await assign("app-1", [idOf(1)]);
    await assign("app-1", [idOf(2)]);
    await assign("app-2", [idOf(3)]);
    await store.move([idOf(4)], {
      by: "query",
      from: null,
      to: { origin: "app-1", generation: 2 },
      created: START,
    });
    expect(await store.releaseOlder({ origin: "app-1", generation: 2 })).toBe(2);
    expect((await walk(store, 10)).ids).toEqual([idOf(3), idOf(4)]);
    expect(await store.releaseOlder({ origin: "app-1", generation: 2 })).toBe(0);
  });

  it("of a large pool deletes no more than one request may", async ({ expect }) => {
    const { assign, store, calls } = newStore();
    const ids = Array.from({ length: 230 }, (_, number) => idOf(number));
    await Promise.all(ids.map((id) => assign("app-1", [id])));
    expect(await store.releaseOlder({ origin: "app-1", generation: 2 })).toBe(230);
    expect(calls.deletes).toBe(200);
  });
});

describe("while the secret is rotated, KV", () => {
  it("finds a session under its old name and moves it to the new one", async ({ expect }) => {
    const { assign, store, settled } = newStore();
    await assign("app-1", [OLD]);
    vi.setSystemTime(START + SECOND);
    expect(await assign("app-2", [ID, OLD])).toMatchObject({
      fresh: false,
      origin: "app-1",
      created: START,
    });
    await settled();
    expect(await store.find(OLD)).toBeNull();
    expect(await store.find(ID)).toMatchObject({ origin: "app-1", created: START });
    expect(Object.fromEntries(await store.counts())).toEqual({ "app-1": 1 });
  });

  it("looks for older names only on a miss", async ({ expect }) => {
    const { assign, calls } = newStore();
    await assign("app-1", [ID, OLD]);
    expect(calls.reads).toBe(2);
    await assign(null, [ID, OLD]);
    expect(calls.reads).toBe(3);
  });

  it("moves a session away from its old name, if it is where it was thought to be", async ({
    expect,
  }) => {
    const { assign, store } = newStore();
    await assign("app-1", [OLD]);
    expect(originOf(await move(store, "app-3", "app-2", [ID, OLD]))).toBe("app-1");
    expect(originOf(await move(store, "app-1", "app-2", [ID, OLD]))).toBe("app-2");
    expect(await store.find(OLD)).toBeNull();
    expect(await store.find(ID)).toMatchObject({ origin: "app-2" });
  });

  it("still knows that a session was released under its old name", async ({ expect }) => {
    const { carry, store } = newStore();
    await carry("app-1", [OLD]);
    await store.release(OLD);
    expect(await carry("app-1", [ID, OLD])).toEqual({ kind: "released" });
  });
});

describe("a listing of KV", () => {
  const IDS = Array.from({ length: 23 }, (_, number) => idOf(number));

  async function filled(instead: Partial<KVNamespace> = {}) {
    const made = newStore({}, instead);
    await Promise.all(
      IDS.map((id, number) => made.assign(`app-${number % 3}`, [id], number % 2 ? "ip" : "query")),
    );
    return made;
  }

  it.for([
    [1_000, 4],
    [7, 4],
    [3, 10],
    [1, 1],
    [10, 100],
  ] as const)(
    "of %d keys per call shows every session once in pages of %d",
    async ([perCall, most], { expect }) => {
      const { store } = await filled(inPagesOf(perCall));
      const { ids } = await walk(store, most);
      expect(ids).toEqual(IDS);
    },
  );

  it("fills its pages whatever the filter leaves out", async ({ expect }) => {
    const { store } = await filled();
    const filter = { origin: "app-1", by: "ip" };
    const page = await store.list("", filter, 2);
    expect(page.sessions.map(({ id }) => id)).toEqual([idOf(1), idOf(7)]);
    expect((await walk(store, 2, filter)).ids).toEqual([1, 7, 13, 19].map(idOf));
    expect((await walk(store, 9, { origin: "app-9", by: null })).ids).toEqual([]);
    expect((await walk(store, 9, { origin: "app-0", by: null })).ids).toHaveLength(8);
  });

  it("leaves out what was released or has ended", async ({ expect }) => {
    const { store, assign } = await filled();
    await store.release(idOf(4));
    vi.setSystemTime(START + 30 * MINUTE);
    await assign("app-1", ["zz-the-only-live-one-0"]);
    expect((await walk(store, 5)).ids).toEqual(["zz-the-only-live-one-0"]);
    vi.setSystemTime(START + 30 * MINUTE - 1);
    expect((await walk(store, 5)).ids).not.toContain(idOf(4));
  });

  it("needs no reads", async ({ expect }) => {
    const { store, calls } = await filled();
    const before = calls.reads;
    const { sessions } = await store.list("", ALL, 50);
    expect(sessions[0]).toEqual({
      id: idOf(0),
      by: "query",
      ...at("app-0"),
      created: START,
      seen: START,
      expires: START + 30 * MINUTE,
    });
    expect(calls).toMatchObject({ reads: before, lists: 1 });
  });

  it("goes on where it was, whatever comes and goes", async ({ expect }) => {
    const { store, assign } = await filled(inPagesOf(7));
    const { sessions, next } = await store.list("", ALL, 10);
    await store.forget([idOf(2), idOf(9)]);
    await assign("app-1", [`${idOf(1)}-`]);
    const following = await store.list(next ?? "", ALL, 3);
    expect(sessions.at(-1)?.id).toBe(idOf(9));
    expect(following.sessions.map(({ id }) => id)).toEqual([10, 11, 12].map(idOf));
  });

  it("ends after a cursor that is none", async ({ expect }) => {
    const { store, calls } = newStore();
    for (const cursor of ["A", "A.", "AB=C.x", "%"]) {
      expect(await store.list(cursor, ALL, 10), cursor).toEqual({ sessions: [], next: null });
    }
    expect(calls.lists).toBe(0);
  });

  it("has cursors that the admin takes, and takes the admin's for a first page", async ({
    expect,
  }) => {
    const { store } = await filled(inPagesOf(7));
    const { cursors } = await walk(store, 2);
    for (const cursor of cursors) {
      expect(v.is(sessionsQuery, { cursor: `shop~${cursor}` }), cursor).toBe(true);
    }
    expect((await store.list("0", ALL, 100)).sessions).toHaveLength(IDS.length);
  });

  it("looks through ten lists per page at most, and goes on from there", async ({ expect }) => {
    const { store } = await filled(inPagesOf(1));
    const last = { origin: "app-1", by: "query" };
    const page = await store.list("", { origin: "app-9", by: null }, 5);
    expect(page).toMatchObject({ sessions: [], next: expect.any(String) });
    expect((await store.list(page.next ?? "", last, 1)).sessions).toMatchObject([{ id: idOf(10) }]);
  });

  it("counts the sessions of each origin over all its pages", async ({ expect }) => {
    const { store } = await filled(inPagesOf(5));
    await store.release(idOf(0));
    expect(Object.fromEntries(await store.counts())).toEqual({
      "app-0": 7,
      "app-1": 8,
      "app-2": 7,
    });
  });

  it("counts a hundred lists and no more", async ({ expect }) => {
    let lists = 0;
    const list = (async ({ prefix }: KVNamespaceListOptions) => {
      lists += 1;
      const metadata = { by: "ip", ...at("app-1"), created: START, seen: START };
      const keys = [{ name: `${prefix}${idOf(lists)}`, metadata }];
      return { keys, list_complete: false, cursor: `+/${lists}=`, cacheStatus: null };
    }) as KVNamespace["list"];
    const { store } = newStore({}, { list });
    expect(Object.fromEntries(await store.counts())).toEqual({ "app-1": 100 });
    expect(lists).toBe(100);
  });
});

describe("KV that fails", () => {
  const everyQuestion = (store: SessionStore, assign: (origin: string) => Promise<Answer>) => [
    assign("app-1"),
    move(store, null, "app-1"),
    store.release(ID),
    store.forget([ID]),
    store.find(ID),
    store.list("", ALL, 10),
    store.counts(),
    store.releaseOlder(at("app-1")),
  ];
  const each = (method: () => Promise<never>) =>
    ({
      getWithMetadata: method,
      put: method,
      delete: method,
      list: method,
    }) as unknown as KVNamespace;

  it("throws for every question, so that the request can be served without", async ({ expect }) => {
    const { store, assign } = newStore(
      {},
      each(async () => Promise.reject(new Error("down"))),
    );
    for (const answer of await Promise.allSettled(everyQuestion(store, assign))) {
      expect(answer).toMatchObject({ status: "rejected", reason: { message: "down" } });
    }
  });

  it("is not waited for without end when it hangs", async ({ expect }) => {
    const { store, assign } = newStore(
      {},
      each(() => new Promise(() => {})),
    );
    for (const answer of await Promise.allSettled(everyQuestion(store, assign))) {
      expect(answer).toMatchObject({ status: "rejected", reason: { message: /too long/ } });
    }
  });

  it("throws when a new session can't be written", async ({ expect }) => {
    const put = (async () => Promise.reject(new Error("429"))) as KVNamespace["put"];
    const { assign } = newStore({}, { put });
    await expect(assign("app-1")).rejects.toThrow("429");
  });
});

describe('a pool with store = "kv"', () => {
  const pool = (name: string, store: string) => ({
    name,
    origins: [{ url: "https://app-1.example.com" }],
    sessions: { store },
  });

  it("misses the binding SESSIONS_KV, at its place among the pools", ({ expect }) => {
    const POOLS = [pool("Wrong", "kv"), pool("shop", "durable"), pool("api", "kv")];
    expect(problemsOf({ POOLS })).toMatchObject([
      { path: "POOLS[0].name" },
      {
        path: "POOLS[2].sessions.store",
        value: '"kv"',
        expected: expect.stringContaining("SESSIONS_KV"),
      },
    ]);
  });

  it("is right with the binding", ({ expect }) => {
    expect(problemsOf({ POOLS: [pool("shop", "kv")], SESSIONS_KV: KV })).toEqual([]);
  });
});
