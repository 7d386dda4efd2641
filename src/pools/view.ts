import type { Background, Pool, Snapshot } from "../model.ts";
import type { OriginRow } from "./statements.ts";
import { snapshot } from "./usable.ts";

/** What an isolate needs to know of a pool's control object. */
export interface PoolView {
  readonly version: number;
  readonly origins: readonly Readonly<OriginRow>[];
  /** Sessions whose leases do not count, because they were moved or released one by one. */
  readonly recalled: readonly string[];
  /** Leases that began before this time do not count; ms since the epoch. */
  readonly askBefore: number;
}

/** The RPC surface of a pool's control object. */
export interface Control {
  /** The view, or null if the caller's version is the newest. */
  view(known: number): Promise<PoolView | null>;
  recall(ids: readonly string[], leaseMs: number): Promise<void>;
}

/** From this age on, a view is refreshed in the background; from the second, before it is used. */
const FRESH_MS = 5_000;
const STALE_MS = 30_000;
const WAIT_CAP_MS = 250;
const RETRY_MS = 1_000;

const NOTHING_KNOWN: PoolView = { version: 0, origins: [], recalled: [], askBefore: 0 };

/** This isolate's view of a pool. */
export interface Viewer {
  /** The pool as it may be used now. A promise only when the view is too old to be used at all. */
  current(now: number, background: Background): Snapshot | Promise<Snapshot>;
  /** Fetches the view now; for whoever has just changed it. */
  refresh(): Promise<Snapshot>;
}

export function viewer(pool: Pool, control: () => Control): Viewer {
  let view = NOTHING_KNOWN;
  let seen = snapshot(pool, view);
  let fetchedAt = 0;
  /** When the refresh under way began; one that takes too long is given up. */
  let refreshingSince = 0;

  /** The last view, or the configuration, goes on being used; the next try is a second away. */
  function makeDo(): Snapshot {
    fetchedAt = Date.now() - FRESH_MS + RETRY_MS;
    return seen;
  }

  async function refresh(): Promise<Snapshot> {
    refreshingSince = Date.now();
    try {
      const news = await control().view(view.version);
      if (news !== null) {
        view = news;
        seen = snapshot(pool, view);
      }
      fetchedAt = Date.now();
    } catch (error) {
      makeDo();
      console.warn(
        JSON.stringify({
          message: "pool view not refreshed",
          pool: pool.name,
          error: String(error),
        }),
      );
    } finally {
      refreshingSince = 0;
    }
    return seen;
  }

  return {
    refresh,
    current(now, background) {
      const age = now - fetchedAt;
      if (age < FRESH_MS && age >= 0) return seen;
      const busy = refreshingSince !== 0 && now - refreshingSince < FRESH_MS;
      if (busy && fetchedAt !== 0) return seen;
      const refreshed = refresh();
      background(refreshed);
      if (age < STALE_MS && age >= 0) return seen;
      let isDone = false;
      void refreshed.then(() => (isDone = true));
      const waited = scheduler.wait(WAIT_CAP_MS).then(() => (isDone ? seen : makeDo()));
      return Promise.race([refreshed, waited]);
    },
  };
}
