import type { Background, By, Pool, Session } from "../model.ts";
import type {
  Answer,
  Change,
  Ids,
  Pace,
  Place,
  Proposal,
  SessionStore,
} from "../shared/session-store.ts";
import { warn } from "../shared/warn.ts";
import { capped } from "./deadline.ts";
import { looked } from "./looked.ts";
import { kvListing } from "./kv-listing.ts";
import { endOf, isAt, pinned, sessionOf, type Row } from "./session-row.ts";

/** KV refuses a shorter lifetime; a session that ends earlier is absent on read. */
const LEAST_LIFE_SECONDS = 60;
const RENEW_MOST_MS = 60_000;
/** A Worker may call KV 1,000 times per request, and a pool has several origins. */
const DROP_MOST = 200;
const DROP_AT_ONCE = 50;
const ID = /^[\w-]{1,64}$/;

interface Found {
  readonly id: string;
  readonly row: Row;
}

/**
 * The session map in Workers KV, under keys `s/<pool>/<id>`: cheaper than Durable Objects for pins
 * that are written once and read often. What KV can't do:
 *
 * - First assignment is not atomic: parallel first requests of one key may reach several origins, and
 *   the last to write wins.
 * - Others see a change, or a new session, up to 60 s later. Until then they may undo a move or a
 *   release by a write of their own, since nothing compares but what was read.
 * - No key lives shorter than 60 s. Ends are exact all the same: they are checked on read.
 * - One write per second and key; more of them fail.
 *
 * Every write costs, so a session is renewed only when it was last seen a quarter of its idle time or
 * a minute ago; it may end that much too early, and a raised idle time counts from the next write.
 * Nothing bounds the map: `max` and `shards` mean nothing here.
 */
export function kvStore(pool: Pool, kv: KVNamespace): SessionStore {
  const settings = pool.sessions;
  const prefix = `s/${pool.name}/`;
  const renewMs = Math.min(settings.idleMs / 4, RENEW_MOST_MS);
  const isDue = ({ seen }: Row, now: number) => now - seen >= renewMs;

  async function read(id: string, now: number): Promise<Row | null> {
    if (!ID.test(id)) return null;
    const { metadata } = await kv.getWithMetadata<Row>(prefix + id);
    return metadata !== null && endOf(metadata, settings) > now ? metadata : null;
  }

  /** The row under the current secret's id, else under an older one; released ones count. */
  async function locate(ids: Ids, now: number): Promise<Found | null> {
    for (const id of ids) {
      const row = await read(id, now);
      if (row !== null) return { id, row };
    }
    return null;
  }

  async function write(id: string, row: Row, now: number): Promise<void> {
    const lifeSeconds = Math.ceil((endOf(row, settings) - now) / 1000);
    const expirationTtl = Math.max(LEAST_LIFE_SECONDS, lifeSeconds);
    await kv.put(prefix + id, "", { metadata: row, expirationTtl });
  }

  /** Writes it at home before it goes elsewhere: whoever asks in between finds one of the two. */
  async function bringHome(home: string, found: Found | null, row: Row, now: number) {
    await write(home, row, now);
    if (found !== null && found.id !== home) await kv.delete(prefix + found.id);
  }

  async function assign(
    ids: Ids,
    by: By,
    proposal: Proposal | null,
    background: Background,
  ): Promise<Answer> {
    const now = Date.now();
    const home = homeOf(ids);
    const found = await locate(ids, now);
    if (found !== null && found.row.origin !== null) {
      if (found.id === home && !isDue(found.row, now)) return pinned(found.row, false);
      const row = { ...found.row, seen: now };
      // Should it fail, the next request of the session tries again.
      background(capped(bringHome(home, found, row, now)).catch(notRenewed));
      return pinned(row, false);
    }
    if (found !== null && (proposal === null || proposal.carried)) return { kind: "released" };
    if (proposal === null) return { kind: "unknown" };
    const { origin, generation, created } = proposal;
    const row: Row = { by, origin, generation, created: created ?? now, seen: now };
    await write(home, row, now);
    return pinned(row, true);
  }

  async function look(ids: Ids, proposal: Proposal | null): Promise<Answer> {
    const now = Date.now();
    const found = await locate(ids, now);
    if (found === null) return looked({ kind: "unknown" }, proposal, now);
    const { row } = found;
    return looked(row.origin === null ? { kind: "released" } : pinned(row, false), proposal, now);
  }

  /** KV has no use for company: the window is not waited for. */
  function later(
    ids: Ids,
    by: By,
    proposal: Proposal | null,
    { isFresh, background }: Pace,
    then: (answer: Answer) => void,
  ): void {
    if (ids.length > 1 && !isFresh) return;
    background(capped(assign(ids, by, proposal, background)).then(then, notRenewed));
  }

  async function move(ids: Ids, { by, from, to, created }: Change): Promise<Answer> {
    const now = Date.now();
    const home = homeOf(ids);
    const found = await locate(ids, now);
    const row = found?.row ?? null;
    if (row !== null && from !== null) {
      if (row.origin === null) return { kind: "released" };
      if (!isAt(row, from)) return pinned(row, false);
    }
    // An application may issue its session ID with every answer.
    if (found?.id === home && isAt(found.row, to) && !isDue(found.row, now)) {
      return pinned(found.row, false);
    }
    const { origin, generation } = to;
    const moved: Row = {
      by: row?.by ?? by,
      origin,
      generation,
      created: row?.created ?? created,
      seen: now,
    };
    await bringHome(home, found, moved, now);
    return pinned(moved, true);
  }

  async function release(id: string): Promise<Session | null> {
    const now = Date.now();
    const row = await read(id, now);
    if (row === null || row.origin === null) return null;
    await write(id, { ...row, origin: null, created: now, seen: now }, now);
    return sessionOf(id, row, settings);
  }

  /**
   * Of the first 100,000 keys. All that are void are counted, but only so many are deleted: the others
   * end by themselves, and nobody follows them.
   */
  async function releaseOlder({ origin, generation }: Place): Promise<number> {
    const ids: string[] = [];
    for await (const { sessions } of pages()) {
      const older = sessions.filter((one) => one.origin === origin && one.generation < generation);
      ids.push(...older.map(({ id }) => id));
    }
    const last = Math.min(ids.length, DROP_MOST);
    for (let from = 0; from < last; from += DROP_AT_ONCE) {
      await capped(forget(ids.slice(from, Math.min(from + DROP_AT_ONCE, last))));
    }
    return ids.length;
  }

  async function forget(ids: Ids): Promise<void> {
    await Promise.all(ids.map((id) => kv.delete(prefix + id)));
  }

  async function find(id: string): Promise<Session | null> {
    const row = await read(id, Date.now());
    return row === null || row.origin === null ? null : sessionOf(id, row, settings);
  }

  const { pages, list, counts } = kvListing(kv, prefix, settings);

  return {
    assign: (ids, by, proposal, background) => capped(assign(ids, by, proposal, background)),
    look: (ids, proposal) => capped(look(ids, proposal)),
    later,
    move: (ids, change) => capped(move(ids, change)),
    release: (id) => capped(release(id)),
    releaseOlder,
    forget: (ids) => capped(forget(ids)),
    find: (id) => capped(find(id)),
    list,
    counts,
    /** Nothing is batched. */
    async flush() {},
  };
}

function homeOf(ids: Ids): string {
  const [home] = ids;
  if (home === undefined) throw new Error("a session needs an id");
  return home;
}

function notRenewed(error: unknown): void {
  warn("session not renewed", {}, error);
}
