import type { PoolParts } from "../assembly/assemble.ts";
import { arrive } from "../shared/arrival.ts";
import { makeBalancer } from "../balancing/balancer.ts";
import type { Pool, Rule, Snapshot, Standing } from "../model.ts";
import type { PoolView } from "../pools/control.ts";
import { snapshot } from "../pools/usable.ts";
import type { Move } from "./schemas.ts";

/** What another configuration would do to the sessions that are in the map now. */

/** Picks made to see how sessions spread; each looks at every origin. */
const PICKS_MOST = 2_000;
const LOOKS_MOST = 400_000;
/** Rows looked at to see which rules sessions are of. */
const SAMPLE = 1_000;
/** KV counts no further. */
const KV_COUNTED = 100_000;

interface Outlook {
  readonly moves: Move[];
  readonly exact: boolean;
}

export async function consequences(
  now: readonly PoolParts[],
  next: readonly Pool[],
  at: number,
): Promise<Outlook> {
  const all = await Promise.all(
    now.map((parts) =>
      outlookOf(
        parts,
        next.find(({ name }) => name === parts.pool.name),
        at,
      ),
    ),
  );
  return {
    moves: all.flatMap(({ moves }) => moves),
    exact: all.every(({ exact }) => exact),
  };
}

async function outlookOf(parts: PoolParts, next: Pool | undefined, at: number): Promise<Outlook> {
  const { pool, desk, viewer, health } = parts;
  await desk.store.flush();
  const [before, counts] = await Promise.all([viewer.refresh(), desk.store.counts()]);
  const total = [...counts.values()].reduce((sum, sessions) => sum + sessions, 0);
  const isCounted = pool.sessions.store === "durable" || total < KV_COUNTED;
  if (next === undefined) {
    const moves = [...counts].map(([from, sessions]): Move => {
      return { pool: pool.name, from, to: null, sessions, reason: "removed" };
    });
    return { moves, exact: isCounted };
  }
  const view: PoolView = { ...viewer.view(), counts };
  const after = snapshot(next, view, health.local.ejections, at);
  const unread = await unreadShare(parts, next);
  const moves: Move[] = [];
  let exact = isCounted;
  for (const [from, sessions] of counts) {
    const lost = Math.round(sessions * unread);
    if (unread > 0 && unread < 1) exact = false;
    const reason = reasonFor(before, after, from);
    const parted = [
      ...(reason === null ? [] : [{ reason, sessions: sessions - lost }]),
      { reason: "rule" as const, sessions: lost },
    ];
    for (const group of parted) {
      if (group.sessions === 0) continue;
      const shares = spread(next, after, from, group.reason);
      if (shares.size > 1) exact = false;
      moves.push(...dealt(pool.name, from, group.reason, group.sessions, shares));
    }
  }
  return { moves, exact };
}

/** Why the sessions of an origin leave it because of the change; null if they stay, or leave anyway. */
function reasonFor(before: Snapshot, after: Snapshot, from: string): Move["reason"] | null {
  const was = before.standings.get(from);
  const will = after.standings.get(from);
  if (will === undefined) return was === undefined ? null : "removed";
  if (was?.lost === "disabled" || was?.lost === "drained") return null;
  if (will.lost === "disabled" || will.lost === "drained") return will.lost;
  return will.state === "draining" && was?.state !== "draining" ? "drained" : null;
}

/** The share of the pool's sessions whose pins no rule would read any more, by a page of them. */
async function unreadShare({ pool, desk }: PoolParts, next: Pool): Promise<number> {
  const isRead = (rule: Rule) => next.rules.some((other) => readsTheSame(rule, other));
  const gone = pool.rules.filter((rule) => !isRead(rule));
  if (gone.length === 0) return 0;
  if (gone.length === pool.rules.length) return 1;
  const { sessions } = await desk.store.list("", { origin: null, by: null }, SAMPLE);
  if (sessions.length === 0) return 0;
  const kept = new Set(pool.rules.filter(isRead).map(({ by }) => by));
  return sessions.filter(({ by }) => !kept.has(by)).length / sessions.length;
}

/** Whether a pin that one rule has made is found by the other. */
function readsTheSame(one: Rule, other: Rule): boolean {
  if (one.id !== other.id || one.pin !== other.pin) return false;
  const { cookie } = other;
  return (
    one.v4 === other.v4 &&
    one.v6 === other.v6 &&
    one.cookie.name === cookie.name &&
    one.cookie.domain === cookie.domain &&
    one.cookie.path === cookie.path
  );
}

/** Where they go, and in which shares: picked for made-up sessions by the balancer that would pick. */
function spread(
  next: Pool,
  after: Snapshot,
  from: string,
  reason: Move["reason"],
): ReadonlyMap<string | null, number> {
  const { onLost } = next.failover;
  if (onLost === "refuse" && (reason === "disabled" || reason === "drained")) {
    return new Map([[null, 1]]);
  }
  const lost = after.standings.get(from) ?? null;
  // At the end of its drain it takes nobody.
  const later = reason === "drained" && lost !== null ? withoutTaker(after, lost) : after;
  const avoid = reason === "rule" ? null : lost;
  const balancer = makeBalancer(next.balance, Math.random);
  const arrival = arrive(new Request("https://what.invalid/"), 0);
  const origins = Math.max(1, after.standings.size);
  const picks = Math.max(50, Math.min(PICKS_MOST, Math.floor(LOOKS_MOST / origins)));
  const shares = new Map<string | null, number>();
  for (let n = 0; n < picks; n += 1) {
    const picked = balancer.pick(later, { avoid, key: `session ${n}`, isPinned: false, arrival });
    const to = picked?.origin.name ?? null;
    shares.set(to, (shares.get(to) ?? 0) + 1 / picks);
  }
  return shares;
}

function withoutTaker(after: Snapshot, gone: Standing): Snapshot {
  return {
    ...after,
    takers: after.takers.filter(({ origin }) => origin.name !== gone.origin.name),
  };
}

/** So many sessions in these shares, none lost to rounding; who stays is no move. */
function dealt(
  pool: string,
  from: string,
  reason: Move["reason"],
  sessions: number,
  shares: ReadonlyMap<string | null, number>,
): Move[] {
  let given = 0;
  let share = 0;
  return [...shares].flatMap(([to, part]): Move[] => {
    share += part;
    const upTo = Math.round(sessions * Math.min(1, share));
    const mine = upTo - given;
    given = upTo;
    return mine === 0 || to === from ? [] : [{ pool, from, to, sessions: mine, reason }];
  });
}
