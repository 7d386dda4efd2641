import { env } from "cloudflare:workers";
import { beforeAll, describe, it } from "vitest";

import type { Background } from "../../../src/model.ts";
import { makePool } from "../fixtures.ts";
import { ALL, proposing } from "./fixtures.ts";
import { durableStore, moveIdleSessions } from "../../../src/sessions/durable-store.ts";
import type { Shard } from "../../../src/sessions/protocol.ts";
import { shardOf } from "../../../src/sessions/shards.ts";
import type { Answer, SessionStore } from "../../../src/shared/session-store.ts";

const background: Background = (work) => void work.catch(() => null);

let poolsMade = 0;

/** A store of a pool that no other test has used; the same pool again under other settings. */
function newPool() {
  poolsMade += 1;
  const name = `store-${poolsMade}`;
  const storeWith = (
    sessions: Readonly<Record<string, unknown>> = {},
    namespace = env.SESSION_MAP,
  ) => durableStore(makePool({ name, sessions }), namespace as unknown as DurableObjectNamespace);
  const shard = (at: number) => env.SESSION_MAP.getByName(`${name}/${at}`) as unknown as Shard;
  return { storeWith, shard };
}

/** An id whose shard differs between two layouts. */
function idThatMoves(from: number, to: number): string {
  for (let at = 0; ; at += 1) {
    const id = (at * 7_919).toString(36).padStart(22, "Q");
    const flipped = id.split("").reverse().join("");
    if (shardOf(flipped, from) !== shardOf(flipped, to)) return flipped;
  }
}

// The store waits a second at most; starting the first object of all is not what is tested here.
beforeAll(async () => {
  await env.SESSION_MAP.getByName("warm-up/0").counts();
});

const assign = (store: SessionStore, ids: string[], origin: string | null, carried = false) =>
  store.assign(ids, "query", origin === null ? null : proposing(origin, { carried }), background);

const originOf = (answer: Answer) => (answer.kind === "pinned" ? answer.origin : answer.kind);

describe("the session map in Durable Objects", () => {
  it("keeps each session in the shard that its id says", async ({ expect }) => {
    const { storeWith, shard } = newPool();
    const store = storeWith({ shards: 4 });
    const ids = Array.from({ length: 40 }, (_, at) =>
      `${"ABCDEFGH"[at % 8]}x${at}`.padEnd(22, "z"),
    );
    await Promise.all(ids.map((id) => assign(store, [id], "app-1")));
    for (const id of ids) {
      expect(await shard(shardOf(id, 4)).find(id)).toMatchObject({ origin: "app-1" });
    }
  });

  it("sends 100 parallel first requests of one session to one origin", async ({ expect }) => {
    const { storeWith } = newPool();
    const stores = [storeWith(), storeWith(), storeWith()];
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, at) =>
        assign(stores[at % 3]!, ["one-new-session-id-xyz"], `app-${at % 5}`),
      ),
    );
    expect(new Set(answers.map(originOf)).size).toBe(1);
  });

  it("lists all shards in pages and counts them exactly", async ({ expect }) => {
    const { storeWith } = newPool();
    const store = storeWith({ shards: 5 });
    const ids = Array.from({ length: 53 }, (_, at) => `${at * 31}`.padStart(22, "pqrstuvw"));
    await Promise.all(ids.map((id, at) => assign(store, [id], `app-${at % 2}`)));
    const listed: string[] = [];
    let cursor = "";
    for (;;) {
      const { sessions, next } = await store.list(cursor, ALL, 10);
      listed.push(...sessions.map(({ id }) => id));
      if (next === null) break;
      expect(sessions).toHaveLength(10);
      cursor = next;
    }
    expect(listed.toSorted()).toEqual(ids.toSorted());
    expect(Object.fromEntries(await store.counts())).toEqual({ "app-0": 27, "app-1": 26 });
  });

  it.for(["-1", "-Infinity", "Infinity", "5", "99999", "1e1", "0x1", "x", "-1.abc", "."])(
    "lists nothing, and asks nobody, after %j, which is no cursor",
    async (cursor, { expect }) => {
      const { storeWith } = newPool();
      const asked: string[] = [];
      const namespace = {
        getByName: (name: string) => (asked.push(name), env.SESSION_MAP.getByName(name)),
      } as unknown as typeof env.SESSION_MAP;
      const store = storeWith({ shards: 5 }, namespace);
      expect(await store.list(cursor, ALL, 10)).toEqual({ sessions: [], next: null });
      expect(asked.filter((name) => !/\/[0-4]$/.test(name))).toEqual([]);
      expect(asked.length).toBeLessThanOrEqual(cursor === "." ? 5 : 0);
    },
  );

  it("finds and releases a session by the id that the list shows", async ({ expect }) => {
    const { storeWith } = newPool();
    const store = storeWith();
    await assign(store, ["a-session-of-the-map-0"], "app-1");
    expect(await store.find("a-session-of-the-map-0")).toMatchObject({ origin: "app-1" });
    expect(await store.release("a-session-of-the-map-0")).toMatchObject({ origin: "app-1" });
    expect(await store.find("a-session-of-the-map-0")).toBeNull();
    expect(await assign(store, ["a-session-of-the-map-0"], "app-1", true)).toEqual({
      kind: "released",
    });
  });
});

describe("the sessions of an origin", () => {
  it("of earlier generations are dropped from all shards, and no other", async ({ expect }) => {
    const { storeWith } = newPool();
    const store = storeWith({ shards: 4 });
    const ids = Array.from({ length: 30 }, (_, at) =>
      `${"ABCDEFGH"[at % 8]}y${at}`.padEnd(22, "z"),
    );
    for (const [at, id] of ids.entries()) {
      const proposal = proposing(`app-${at % 2}`, { generation: at < 20 ? 1 : 2 });
      await store.assign([id], "query", proposal, background);
    }
    expect(await store.releaseOlder({ origin: "app-1", generation: 2 })).toBe(10);
    expect(Object.fromEntries(await store.counts())).toEqual({ "app-0": 15, "app-1": 5 });
    expect(await store.releaseOlder({ origin: "app-1", generation: 2 })).toBe(0);
  });

  it("that nobody uses are moved, up to a number, when there is balance to restore", async ({
    expect,
  }) => {
    const { storeWith } = newPool();
    const pool = `store-${poolsMade}`;
    const store = storeWith({ shards: 4 });
    const ids = Array.from({ length: 30 }, (_, at) =>
      `${"ABCDEFGH"[at % 8]}w${at}`.padEnd(22, "z"),
    );
    await Promise.all(ids.map((id) => assign(store, [id], "app-1")));
    const to = { origin: "app-2", generation: 1 };
    const move = (seenBefore: number, most: number) =>
      moveIdleSessions(env.SESSION_MAP as unknown as DurableObjectNamespace, pool, 4, {
        from: "app-1",
        to,
        seenBefore,
        most,
      });
    expect(await move(Date.now() - 60_000, 100)).toBe(0);
    expect(await move(Date.now() + 1, 8)).toBe(8);
    expect(Object.fromEntries(await store.counts())).toEqual({ "app-1": 22, "app-2": 8 });
  });
});

describe("after the number of shards was raised", () => {
  const id = idThatMoves(4, 16);
  const RAISED = { shards: 16, shards_before: [4] };

  async function raised() {
    const { storeWith, shard } = newPool();
    const before = storeWith({ shards: 4 });
    await assign(before, [id], "app-1");
    return { store: storeWith(RAISED), old: shard(shardOf(id, 4)), home: shard(shardOf(id, 16)) };
  }

  it("a session is found where it was, and moved home", async ({ expect }) => {
    const { store, old, home } = await raised();
    const created = (await old.find(id))?.created;
    expect(await assign(store, [id], "app-2")).toMatchObject({
      kind: "pinned",
      fresh: false,
      origin: "app-1",
    });
    expect(await home.find(id)).toMatchObject({ origin: "app-1", created });
    await settled(async () => (await old.find(id)) === null);
    expect(Object.fromEntries(await store.counts())).toEqual({ "app-1": 1 });
    expect(originOf(await assign(store, [id], "app-2"))).toBe("app-1");
  });

  it("a session is one, however many ask for it at the same time", async ({ expect }) => {
    const { store } = await raised();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) => assign(store, [id], `app-${at}`)),
    );
    expect(new Set(answers.map(originOf))).toEqual(new Set(["app-1"]));
  });

  it("a new session is stored at home", async ({ expect }) => {
    const { storeWith, shard } = newPool();
    const store = storeWith(RAISED);
    expect(await assign(store, [id], "app-3")).toMatchObject({ fresh: true, origin: "app-3" });
    expect(await shard(shardOf(id, 16)).find(id)).not.toBeNull();
  });

  it("a session that was released where it was stays released", async ({ expect }) => {
    const { store } = await raised();
    expect(await store.release(id)).toMatchObject({ origin: "app-1" });
    expect(await assign(store, [id], "app-1", true)).toEqual({ kind: "released" });
    expect(await store.find(id)).toBeNull();
  });

  it("a session that was released may begin anew, and is then moved like any other", async ({
    expect,
  }) => {
    const { store } = await raised();
    await store.release(id);
    expect(originOf(await assign(store, [id], "app-2"))).toBe("app-2");
    const from = { origin: "app-2", generation: 1 };
    const to = { origin: "app-3", generation: 1 };
    const answer = await store.move([id], { by: "query", from, to, created: Date.now() });
    expect(originOf(answer)).toBe("app-3");
  });

  it("a session that is moved leaves nothing behind", async ({ expect }) => {
    const { store } = await raised();
    const to = { origin: "app-2", generation: 1 };
    await store.move([id], { by: "query", from: null, to, created: Date.now() });
    await settled(async () => (await store.list("", ALL, 10)).sessions.length === 1);
    expect(Object.fromEntries(await store.counts())).toEqual({ "app-2": 1 });
  });

  it("a session that is moved, then released, does not come back", async ({ expect }) => {
    const { store } = await raised();
    const to = { origin: "app-2", generation: 1 };
    await store.move([id], { by: "query", from: null, to, created: Date.now() });
    await store.release(id);
    expect(originOf(await assign(store, [id], null))).toBe("released");
  });

  it("a session is moved only if it still is where it was thought to be", async ({ expect }) => {
    const { store } = await raised();
    const from = { origin: "app-9", generation: 1 };
    const to = { origin: "app-2", generation: 1 };
    const answer = await store.move([id], { by: "query", from, to, created: Date.now() });
    expect(originOf(answer)).toBe("app-1");
  });
});

describe("while the secret is rotated", () => {
  const now = "the-id-under-the-new-0";
  const old = "the-id-under-the-old-0";

  it("a session is found under its old name and stored under the new one", async ({ expect }) => {
    const { storeWith } = newPool();
    const store = storeWith();
    await assign(store, [old], "app-1");
    expect(originOf(await assign(store, [now, old], "app-2"))).toBe("app-1");
    await settled(async () => (await store.find(old)) === null);
    expect(await store.find(now)).toMatchObject({ origin: "app-1" });
    expect(originOf(await assign(store, [now], null))).toBe("app-1");
  });

  it("a session that was released under its old name stays released", async ({ expect }) => {
    const { storeWith } = newPool();
    const store = storeWith();
    await assign(store, [old], "app-1");
    await store.release(old);
    expect(await assign(store, [now, old], "app-1", true)).toEqual({ kind: "released" });
  });

  it("and with the layout at once, it is found too", async ({ expect }) => {
    const moving = idThatMoves(4, 16);
    const { storeWith } = newPool();
    await assign(storeWith({ shards: 4 }), [moving], "app-1");
    const store = storeWith({ shards: 16, shards_before: [8, 4] });
    expect(originOf(await assign(store, [now, moving], "app-2"))).toBe("app-1");
    await settled(async () => (await store.find(moving)) === null);
    expect(Object.fromEntries(await store.counts())).toEqual({ "app-1": 1 });
  });
});

/** Work that a request leaves in the background: waits for what must become true. */
async function settled(isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200 && !(await isSo()); tries += 1) await scheduler.wait(5);
}
