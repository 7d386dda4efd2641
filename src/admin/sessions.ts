import type { PoolParts } from "../assembly/assemble.ts";
import type { Session } from "../model.ts";
import { allows, tagOf } from "./etag.ts";
import type { SessionView, SessionsQuery } from "./schemas.ts";

/** The session map as operators see it: over all pools, by opaque ids. */

export function toView(
  pool: string,
  { id, by, origin, created, seen, expires }: Session,
): SessionView {
  const iso = (ms: number) => new Date(ms).toISOString();
  return { id, pool, by, origin, created: iso(created), seen: iso(seen), expires: iso(expires) };
}

/** One page. The cursor is `<pool>~<place in its map>`; rows keep their place whatever happens to others. */
export async function listSessions(
  pools: readonly PoolParts[],
  { pool, origin, by, limit, cursor }: SessionsQuery,
): Promise<{ sessions: SessionView[]; cursor: string | null }> {
  const [startPool, startAt = ""] = cursor?.split("~") ?? [];
  const wanted = pools.filter((parts) => pool === undefined || parts.pool.name === pool);
  const from =
    startPool === undefined ? 0 : wanted.findIndex((parts) => parts.pool.name === startPool);
  const sessions: SessionView[] = [];
  if (from === -1) return { sessions, cursor: null };
  for (const [index, parts] of wanted.slice(from).entries()) {
    const { name } = parts.pool;
    const { store } = parts.desk;
    if (cursor === undefined) await store.flush();
    const place = index === 0 ? startAt : "";
    const filter = { origin: origin ?? null, by: by ?? null };
    const page = await store.list(place, filter, limit - sessions.length);
    sessions.push(...page.sessions.map((session) => toView(name, session)));
    if (page.next !== null) return { sessions, cursor: `${name}~${page.next}` };
    const following = wanted[from + index + 1];
    if (sessions.length >= limit && following) {
      return { sessions, cursor: `${following.pool.name}~0` };
    }
  }
  return { sessions, cursor: null };
}

export async function findSession(
  pools: readonly PoolParts[],
  id: string,
): Promise<SessionView | null> {
  for (const { pool, desk } of pools) {
    await desk.store.flush();
    const session = await desk.store.find(id);
    if (session !== null) return toView(pool.name, session);
  }
  return null;
}

/** Whether the session is still what the If-Match of a write says. */
async function isAsRead(ifMatch: string | null, pool: string, session: Session): Promise<boolean> {
  return ifMatch === null || allows(ifMatch, await tagOf(JSON.stringify(toView(pool, session))));
}

/** Ends one session: its row goes, and every isolate learns that leases on it are void. */
export async function releaseSession(
  pools: readonly PoolParts[],
  id: string,
  ifMatch: string | null,
): Promise<SessionView | "no session" | "changed"> {
  for (const { pool, desk, control, viewer } of pools) {
    await desk.store.flush();
    const before = await desk.store.find(id);
    if (before === null) continue;
    if (!(await isAsRead(ifMatch, pool.name, before))) return "changed";
    // First, so that a failure in between leaves a session that can be released again.
    await control().recall([id], pool.sessions.leaseMs, "released");
    const session = await desk.store.release(id);
    if (session === null) continue;
    await viewer.refresh();
    return toView(pool.name, session);
  }
  return "no session";
}

type MoveResult = SessionView | "no session" | "no origin" | "changed";

/** Moves one session to another origin of its pool; the client follows with its next request. */
export async function moveSession(
  pools: readonly PoolParts[],
  id: string,
  origin: string,
  ifMatch: string | null,
): Promise<MoveResult> {
  for (const { pool, desk, control, viewer } of pools) {
    await desk.store.flush();
    const session = await desk.store.find(id);
    if (session === null) continue;
    if (!(await isAsRead(ifMatch, pool.name, session))) return "changed";
    const snapshot = await viewer.refresh();
    const target = snapshot.standings.get(origin);
    if (target === undefined) return "no origin";
    const { by, created } = session;
    const to = { origin, generation: target.generation };
    // Who has read it first moves it only from where it was; the map decides.
    const from =
      ifMatch === null ? null : { origin: session.origin, generation: session.generation };
    const answer = await desk.store.move([id], { by, from, to, created });
    if (from !== null && (answer.kind !== "pinned" || answer.origin !== origin)) return "changed";
    await control().recall([id], pool.sessions.leaseMs, `moved to ${origin}`);
    await viewer.refresh();
    const moved = await desk.store.find(id);
    return moved === null ? "no session" : toView(pool.name, moved);
  }
  return "no session";
}
