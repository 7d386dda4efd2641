import type { Counts, CountSource } from "../shared/counts.ts";
import { isCountable } from "../shared/countable.ts";
import type { Background, Jurisdiction, Pool, Snapshot } from "../model.ts";
import { warn } from "../shared/warn.ts";
import type { Control, Plan, PoolView } from "./control.ts";
import { snapshot, type Ejections } from "./usable.ts";

/** From this age on, a view is refreshed in the background; from the second, before it is used. */
const FRESH_MS = 5_000;
const STALE_MS = 30_000;
const WAIT_CAP_MS = 250;
const RETRY_MS = 1_000;

const NOTHING_KNOWN: PoolView = {
  version: 0,
  origins: [],
  recalled: new Map(),
  askBefore: 0,
  counts: new Map(),
  countsAt: 0,
};

/** This isolate's view of a pool. */
export interface Viewer {
  /** The pool as it may be used now. A promise only when the view is too old to be used at all. */
  current(now: number, background: Background): Snapshot | Promise<Snapshot>;
  /** Fetches the view now; for whoever has just changed it. */
  refresh(): Promise<Snapshot>;
  /** The view behind the snapshot, for whoever shows it. */
  view(): PoolView;
}

/** Ejections that this isolate has decided on by itself; `changes` counts them. */
export interface LocalHealth {
  readonly ejections: Ejections;
  readonly changes: number;
}

export function viewer(
  pool: Pool,
  plan: Plan,
  control: () => Control,
  local: LocalHealth,
  counted: CountSource,
): Viewer {
  let view = NOTHING_KNOWN;
  let changes = 0;
  let seen = snapshot(pool, view, local.ejections, 0);
  let fetchedAt = 0;
  /** The refresh under way, if any, and when it began; one that takes too long is given up. */
  let refreshing: Promise<Snapshot> | null = null;
  let refreshingSince = 0;
  /** How many refreshes have begun, and which of them the view is from. */
  let begun = 0;
  let applied = 0;

  function rebuild(now: number): Snapshot {
    changes = local.changes;
    seen = snapshot(pool, view, local.ejections, now);
    return seen;
  }

  /** The last view, or the configuration, goes on being used; the next try is a second away. */
  function makeDo(): Snapshot {
    fetchedAt = Date.now() - FRESH_MS + RETRY_MS;
    return seen;
  }

  async function fetchView(): Promise<Snapshot> {
    begun += 1;
    const turn = begun;
    try {
      const news = await viewWith(counted.take());
      if (news.wantsPlan) await control().adopt(plan);
      // An answer that was overtaken by a newer one says nothing.
      if (news.view !== null && turn > applied) {
        applied = turn;
        view = news.view;
        rebuild(Date.now());
      }
      fetchedAt = Date.now();
    } catch (error) {
      makeDo();
      warn("pool view not refreshed", { pool: pool.name }, error);
    }
    return seen;
  }

  /** What was counted rides along, and is kept for the next time if it did not arrive. */
  async function viewWith(counts: Counts | null) {
    try {
      return await control().view(view.version, plan.digest, counts);
    } catch (error) {
      if (counts !== null) counted.giveBack(counts);
      throw error;
    }
  }

  function refresh(): Promise<Snapshot> {
    refreshingSince = Date.now();
    const mine = fetchView().finally(() => {
      if (refreshing === mine) refreshing = null;
    });
    refreshing = mine;
    return mine;
  }

  return {
    refresh,
    view: () => view,
    current(now, background) {
      if (now >= seen.validUntil || changes !== local.changes) rebuild(now);
      const age = now - fetchedAt;
      if (age < FRESH_MS && age >= 0) return seen;
      const isStale = age >= STALE_MS || age < 0;
      const isBusy = refreshing !== null && now - refreshingSince < FRESH_MS;
      if (isBusy && !isStale) return seen;
      const refreshed = isBusy && refreshing !== null ? refreshing : refresh();
      if (!isBusy) background(refreshed);
      if (!isStale) return seen;
      let isDone = false;
      void refreshed.then(() => (isDone = true));
      const waited = scheduler.wait(WAIT_CAP_MS).then(() => (isDone ? seen : makeDo()));
      return Promise.race([refreshed, waited]);
    },
  };
}

/** What the pool's control object needs of the configuration. */
export async function planOf(
  pool: Pool,
  keys: readonly number[] = [],
  jurisdiction: Jurisdiction | null = null,
): Promise<Plan> {
  const { health, drainMs, sessions, balance, rebalance } = pool;
  const origins = pool.origins.map(({ name, url, binding, state, weight }) => ({
    name,
    url,
    binding,
    state,
    weight,
  }));
  const canCount = isCountable(sessions);
  const hasCaps = pool.origins.some(({ maxSessions }) => maxSessions !== Infinity);
  const plan = {
    pool: pool.name,
    origins,
    health,
    drainMs,
    rebalance,
    shards: canCount ? Math.max(sessions.shards, ...sessions.shardsBefore) : 0,
    countsMatter: canCount && (hasCaps || balance === "least-sessions" || balance === "hash"),
    keys,
    jurisdiction,
  };
  const bytes = new TextEncoder().encode(JSON.stringify(plan));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  return { ...plan, digest };
}
