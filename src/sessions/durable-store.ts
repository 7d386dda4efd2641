import type { By, Pool, Session } from "../model.ts";
import { Batch } from "./batch.ts";
import type {
  Answer,
  Change,
  Filter,
  Ids,
  Pace,
  Proposal,
  SessionStore,
} from "../session-store.ts";
import type { Ask, Limits, Shard } from "./protocol.ts";
import { placesOf } from "./shards.ts";

/** The most a request waits for the map before it is served without. */
const CALL_CAP_MS = 1_000;
const BATCH_MOST = 500;
const ATTEMPTS = 3;

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
  const places = (ids: Ids) => placesOf(ids, shards, shardsBefore);

  const ask = (question: Ask, shard: number, pace: Pace): Promise<Answer> => {
    const batch = batches[shard];
    if (batch === undefined) throw new Error(`shard ${shard} does not exist`);
    const answer = batch.ask(question, pace.windowMs, pace.background);
    // The request that leads a batch may be cancelled; those that ride along must not wait for it.
    return pace.windowMs === 0 ? within(CALL_CAP_MS, answer) : answer;
  };

  /** A row that an older secret or shard count has put elsewhere. */
  async function findOlder(older: readonly { id: string; shard: number }[]) {
    for (const place of older) {
      const session = await call(place.shard, (at) => at.find(place.id));
      if (session !== null) return { place, session };
    }
    return null;
  }

  async function assign(ids: Ids, by: By, proposal: Proposal | null, pace: Pace): Promise<Answer> {
    const [home, ...older] = places(ids);
    if (home === undefined) throw new Error("a session needs an id");
    const { id, shard } = home;
    if (older.length === 0) return ask({ id, by, proposal }, shard, pace);
    const known = await ask({ id, by, proposal: null }, shard, { ...pace, windowMs: 0 });
    if (known.kind !== "unknown") return known;
    const found = await findOlder(older);
    if (found === null) return proposal === null ? known : ask({ id, by, proposal }, shard, pace);
    // Store it at home before it is forgotten there: whoever asks in between finds one of the two.
    const { origin, generation, created } = found.session;
    const moved = { origin, generation, created, carried: false };
    const answer = await ask({ id, by, proposal: moved }, shard, { ...pace, windowMs: 0 });
    pace.background(call(found.place.shard, (at) => at.forget(found.place.id)));
    return answer.kind === "pinned" ? { ...answer, fresh: false } : answer;
  }

  async function move(ids: Ids, change: Change): Promise<Answer> {
    const [home] = places(ids);
    if (home === undefined) throw new Error("a session needs an id");
    return call(home.shard, (at) => at.move(home.id, change, limits));
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

  /** The cursor is `<shard>.<last id>`: rows keep their place whatever happens to others. */
  async function list(cursor: string, filter: Filter, most: number) {
    const [start, last = ""] = cursor.split(".");
    const sessions: Session[] = [];
    for (let shard = Number(start) || 0; shard < shardCount; shard += 1) {
      const after = sessions.length === 0 && shard === (Number(start) || 0) ? last : "";
      const wanted = most - sessions.length;
      const page = await call(shard, (at) => at.list({ after, filter, most: wanted }));
      sessions.push(...page);
      const end = page.at(-1);
      if (sessions.length >= most && end) return { sessions, next: `${shard}.${end.id}` };
    }
    return { sessions, next: null };
  }

  return {
    assign,
    move,
    async forget(ids) {
      await Promise.all(places(ids).map(({ id, shard }) => call(shard, (at) => at.forget(id))));
    },
    release: (id) => first(id, (at, key) => at.release(key)),
    find: (id) => first(id, (at, key) => at.find(key)),
    list,
    counts: () => countShards(namespace, pool.name, shardCount),
    async flush() {
      await Promise.all(batches.map((batch) => batch.flush()));
    },
  };
}

/** Live sessions of a pool by origin, over all its shards. */
export async function countShards(
  namespace: DurableObjectNamespace,
  pool: string,
  shards: number,
): Promise<Record<string, number>> {
  const all = await Promise.all(
    Array.from({ length: shards }, (_, shard) =>
      callShard(() => shardOfPool(namespace, pool, shard).counts()),
    ),
  );
  const total: Record<string, number> = {};
  for (const [origin, sessions] of all.flatMap((one) => Object.entries(one))) {
    total[origin] = (total[origin] ?? 0) + sessions;
  }
  return total;
}

function shardOfPool(namespace: DurableObjectNamespace, pool: string, shard: number): Shard {
  return namespace.getByName(`${pool}/${shard}`) as unknown as Shard;
}

/** Tries again only what the platform calls retryable, and never an overloaded object. */
async function callShard<T>(attempt: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + CALL_CAP_MS;
  for (let tries = 1; ; tries += 1) {
    try {
      return await within(deadline - Date.now(), attempt());
    } catch (error) {
      const { retryable, overloaded } = error as { retryable?: boolean; overloaded?: boolean };
      if (
        retryable !== true ||
        overloaded === true ||
        tries >= ATTEMPTS ||
        Date.now() >= deadline
      ) {
        throw error;
      }
    }
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error("the session map took too long")),
    Math.max(0, ms),
  );
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
