import type { Background, By, Pin, Pool } from "../model.ts";
import { Batch } from "./batch.ts";
import type {
  Answer,
  Change,
  Filter,
  Ids,
  Pace,
  Place,
  Proposal,
  SessionStore,
} from "../shared/session-store.ts";
import { CALL_CAP_MS, within } from "./deadline.ts";
import { looked } from "./looked.ts";
import type { Ask, Limits, Shard } from "./protocol.ts";
import { Recorder } from "./recorder.ts";
import { callShard, shardOfPool } from "./shard-call.ts";
import { placesOf } from "./shards.ts";

const BATCH_MOST = 500;
const DROP_MOST = 2_000;

interface Located {
  readonly id: string;
  readonly shard: number;
}

/** The session map in Durable Objects: one object per shard, named `<pool>/<shard>`. */
export function durableStore(pool: Pool, namespace: DurableObjectNamespace): SessionStore {
  const { idleMs, ttlMs, max, shards, shardsBefore } = pool.sessions;
  const limits: Limits = { idleMs, ttlMs, cap: Math.max(1, Math.floor(max / shards)) };
  const shardCount = Math.max(shards, ...shardsBefore);
  const stub = (shard: number) => shardOfPool(namespace, pool.name, shard);
  const call = <T>(shard: number, ask: (stub: Shard) => Promise<T>) =>
    callShard(() => ask(stub(shard)));
  const batches = Array.from(
    { length: shards },
    (_, shard) =>
      new Batch<Ask, Answer>((asks) => call(shard, (at) => at.assign(asks, limits)), BATCH_MOST),
  );
  const recorder = new Recorder(
    (shard, rows) => call(shard, (at) => at.record(JSON.stringify(rows), limits)),
    BATCH_MOST,
  );
  const places = (ids: Ids) => placesOf(ids, shards, shardsBefore);

  const batchOf = (shard: number): Batch<Ask, Answer> => {
    const batch = batches[shard];
    if (batch === undefined) throw new Error(`shard ${shard} does not exist`);
    return batch;
  };

  // The request that leads a batch may be cancelled; those that ride along must not wait for it.
  const ask = (question: Ask, shard: number, background: Background): Promise<Answer> =>
    within(CALL_CAP_MS, batchOf(shard).ask(question, background));

  /** A row that an older secret or shard count has put elsewhere; released ones count. */
  async function findOlder(older: readonly Located[], by: By) {
    for (const place of older) {
      const question = { id: place.id, by, proposal: null };
      const [answer] = await call(place.shard, (at) => at.assign([question], limits));
      if (answer !== undefined && answer.kind !== "unknown") return { place, answer };
    }
    return null;
  }

  async function assign(
    ids: Ids,
    by: By,
    proposal: Proposal | null,
    background: Background,
  ): Promise<Answer> {
    const [home, ...older] = places(ids);
    if (home === undefined) throw new Error("a session needs an id");
    const { id, shard } = home;
    if (older.length === 0) return ask({ id, by, proposal }, shard, background);
    const known = await ask({ id, by, proposal: null }, shard, background);
    if (known.kind === "pinned") return known;
    const found = known.kind === "unknown" ? await findOlder(older, by) : null;
    const isReleased = known.kind === "released" || found?.answer.kind === "released";
    if (isReleased && (proposal === null || proposal.carried)) return { kind: "released" };
    if (found?.answer.kind !== "pinned") {
      if (proposal === null) return known;
      const begun = await ask({ id, by, proposal }, shard, background);
      await forgetOlder(found);
      return begun;
    }
    const answer = await bringHome(home, by, found.answer, found.place);
    return answer.kind === "pinned" ? { ...answer, fresh: false } : answer;
  }

  function later(
    ids: Ids,
    by: By,
    proposal: Proposal | null,
    { windowMs, isFresh, background }: Pace,
    then: (answer: Answer) => void,
  ): void {
    const [home, ...older] = places(ids);
    if (home === undefined || (older.length > 0 && !isFresh)) return;
    if (isFresh && proposal !== null) {
      const { origin, generation, created } = proposal;
      const row = [home.id, by, origin, generation, created ?? Date.now()] as const;
      recorder.add(home.shard, row, windowMs, background);
      return;
    }
    const question = { id: home.id, by, proposal };
    batchOf(home.shard).later(question, windowMs, background, then);
  }

  async function move(ids: Ids, change: Change): Promise<Answer> {
    const [home, ...older] = places(ids);
    if (home === undefined) throw new Error("a session needs an id");
    const found = older.length === 0 ? null : await findOlder(older, change.by);
    if (found?.answer.kind === "released" && change.from !== null) return found.answer;
    if (found?.answer.kind === "pinned") {
      await bringHome(home, change.by, found.answer, found.place);
    }
    const answer = await call(home.shard, (at) => at.move(home.id, change, limits));
    await forgetOlder(found);
    return answer;
  }

  /** A session that begins anew at home is released no longer: an older mark would say so again. */
  async function forgetOlder(found: Awaited<ReturnType<typeof findOlder>>): Promise<void> {
    if (found?.answer.kind !== "released") return;
    const { id, shard } = found.place;
    await call(shard, (at) => at.forget(id));
  }

  /** Stores a row at home before it is forgotten elsewhere: whoever asks in between finds one. */
  async function bringHome(home: Located, by: By, pin: Pin, from: Located): Promise<Answer> {
    const { origin, generation, created } = pin;
    const proposal = { origin, generation, created, carried: false };
    const question = { id: home.id, by, proposal };
    const [answer] = await call(home.shard, (at) => at.assign([question], limits));
    await call(from.shard, (at) => at.forget(from.id));
    if (answer === undefined) throw new Error("no answer for a question");
    return answer;
  }

  /** Slice by slice, so that no other request waits long. */
  async function dropOlder(shard: number, place: Place): Promise<number> {
    let total = 0;
    for (;;) {
      const dropped = await call(shard, (at) => at.releaseOlder(place, DROP_MOST));
      total += dropped;
      if (dropped < DROP_MOST) return total;
    }
  }

  /** Asks every place where the id may be until one has it. */
  async function first<T>(
    id: string,
    ask: (stub: Shard, id: string) => Promise<T | null>,
  ): Promise<T | null> {
    for (const { shard } of places([id])) {
      const found = await call(shard, (at) => ask(at, id));
      if (found !== null) return found;
    }
    return null;
  }

  /**
   * The cursor is `<shard>.<last id>`: rows keep their place whatever happens to others. One shard
   * mostly fills a page; if it does not, all the others are asked at once. Nothing follows a cursor
   * that is none.
   */
  async function list(cursor: string, filter: Filter, most: number) {
    const [start = "", last = ""] = cursor.split(".");
    const begin = start === "" ? 0 : /^\d{1,4}$/.test(start) ? Number(start) : shardCount;
    const pageOf = (shard: number, after = "") =>
      call(shard, (at) => at.list({ after, filter, most }));
    const pages = begin < shardCount ? [await pageOf(begin, last)] : [];
    if ((pages[0]?.length ?? most) < most) {
      const others = Array.from({ length: shardCount - begin - 1 }, (_, at) => begin + 1 + at);
      pages.push(...(await Promise.all(others.map((shard) => pageOf(shard)))));
    }
    const found = pages.flatMap((page, at) =>
      page.map((session) => ({ session, shard: begin + at })),
    );
    const sessions = found.slice(0, most).map(({ session }) => session);
    const end = found[most - 1];
    return { sessions, next: end === undefined ? null : `${end.shard}.${end.session.id}` };
  }

  return {
    assign,
    async look(ids, proposal) {
      for (const { id, shard } of places(ids)) {
        const known = await call(shard, (at) => at.look(id));
        if (known.kind !== "unknown") return looked(known, proposal, Date.now());
      }
      return looked({ kind: "unknown" }, proposal, Date.now());
    },
    later,
    move,
    async forget(ids) {
      await Promise.all(places(ids).map(({ id, shard }) => call(shard, (at) => at.forget(id))));
    },
    async releaseOlder(place) {
      const all = await Promise.all(
        Array.from({ length: shardCount }, (_, shard) => dropOlder(shard, place)),
      );
      return all.reduce((sum, count) => sum + count, 0);
    },
    release: (id) => first(id, (at, key) => at.release(key)),
    find: (id) => first(id, (at, key) => at.find(key)),
    list,
    counts: () => countShards(namespace, pool.name, shardCount),
    async flush() {
      await Promise.all([recorder.flush(), ...batches.map((batch) => batch.flush())]);
    },
  };
}

/** Live sessions of a pool by origin, over all its shards. */
export async function countShards(
  namespace: DurableObjectNamespace,
  pool: string,
  shards: number,
): Promise<Map<string, number>> {
  const all = await Promise.all(
    Array.from({ length: shards }, (_, shard) =>
      callShard(() => shardOfPool(namespace, pool, shard).counts()),
    ),
  );
  const total = new Map<string, number>();
  for (const [origin, sessions] of all.flatMap((one) => [...one])) {
    total.set(origin, (total.get(origin) ?? 0) + sessions);
  }
  return total;
}

/** Moves idle sessions from one origin to another, shard by shard, up to `most` in all. */
export async function moveIdleSessions(
  namespace: DurableObjectNamespace,
  pool: string,
  shards: number,
  what: { from: string; to: Place; seenBefore: number; most: number },
): Promise<number> {
  let moved = 0;
  for (let shard = 0; shard < shards && moved < what.most; shard += 1) {
    // An equal part of what is left for each shard that is left.
    const part = Math.ceil((what.most - moved) / (shards - shard));
    const at = shardOfPool(namespace, pool, shard);
    moved += await at.moveIdle(what.from, what.to, what.seenBefore, part);
  }
  return moved;
}
