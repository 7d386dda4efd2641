import type { Counts, Sums } from "../shared/counts.ts";
import type { HealthSettings, Jurisdiction, RebalanceSettings, State } from "../model.ts";
import type { EventRow, OriginRow } from "./statements.ts";

/** What travels between Workers and a pool's control object. Plain values only. */

/** What the control object needs of the configuration; Workers bring it along. */
export interface Plan {
  readonly digest: string;
  readonly pool: string;
  readonly origins: readonly PlannedOrigin[];
  readonly health: HealthSettings;
  readonly drainMs: number | null;
  /** Shards of the session map that may hold rows; 0 when it can't be counted. */
  readonly shards: number;
  readonly rebalance: RebalanceSettings | null;
  /** Somebody balances by session counts, or caps them. */
  readonly countsMatter: boolean;
  /** Ids of the secrets' keys, one byte each, the signing one first: they tell of a rotation. */
  readonly keys: readonly number[];
  /** Where the session map is. */
  readonly jurisdiction: Jurisdiction | null;
}

export interface PlannedOrigin {
  readonly name: string;
  readonly url: string;
  readonly binding: string | null;
  readonly state: State;
  readonly weight: number;
}

/** What an isolate needs to know of a pool's control object. */
export interface PoolView {
  readonly version: number;
  readonly origins: readonly Readonly<OriginRow>[];
  /** Sessions that were moved or released one by one: leases up to that time do not count. */
  readonly recalled: ReadonlyMap<string, number>;
  /** Leases that began before this time do not count; ms since the epoch. */
  readonly askBefore: number;
  /** Live sessions by origin, when somebody needs them, and since when that is known. */
  readonly counts: ReadonlyMap<string, number>;
  readonly countsAt: number;
}

export interface News {
  /** Null if the caller's version is the newest. */
  readonly view: PoolView | null;
  /** The object works by another configuration: `adopt` is due. */
  readonly wantsPlan: boolean;
}

export interface OriginChange {
  /** null: back to the configuration. */
  readonly state?: State | null;
  readonly weight?: number | null;
  /** How long a drain may last; null: until the last session ends. */
  readonly drainMs?: number | null;
  /** Only if these are the origin's `operatorTag`s now. */
  readonly onlyIf?: readonly string[];
}

/** A pool's counters since its control object began. */
export interface PoolMetrics {
  /** ms since the epoch. */
  readonly since: number;
  /** By origin; under "" what is no origin's. They only grow. */
  readonly totals: ReadonlyMap<string, Readonly<Sums>>;
  /** Live sessions by origin, up to a minute old; null if they can't be counted. */
  readonly sessions: ReadonlyMap<string, number> | null;
  /** Isolates that have reported within a minute. */
  readonly isolates: number;
  /** Since when requests are served without the map, ms since the epoch; null if they are not. */
  readonly degradedSince: number | null;
}

export interface MinuteOfOrigin {
  /** Live sessions when they were last counted. */
  readonly sessions: number;
  readonly requests: number;
  /** Answers of 500 and above, the origin's own and those for it. */
  readonly errors: number;
}

/** One minute of a pool's last hour. */
export interface Minute {
  /** Its start; ms since the epoch. */
  readonly at: number;
  /** Requests by outcome. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly origins: Readonly<Record<string, MinuteOfOrigin>>;
}

export interface Control {
  /** Takes the caller's counts along. */
  view(known: number, digest: string, counts?: Counts | null): Promise<News>;
  adopt(plan: Plan): Promise<void>;
  recall(ids: readonly string[], leaseMs: number, cause: string): Promise<void>;
  /** An isolate has ejected an origin for its failures; false if too many are out already. */
  report(origin: string, ejectMs: number, cause: string): Promise<boolean>;
  /** False, and nothing is changed, for a deadline without a drain, or an `onlyIf` that is not so. */
  change(origin: string, change: OriginChange, plan: Plan): Promise<boolean>;
  /** Voids every pin of these origins; answers their new generations, in the same order. */
  raise(origins: readonly string[], cause: string): Promise<number[]>;
  events(upTo: number, most: number): Promise<EventRow[]>;
  /** Adds what one isolate has counted since its last report. */
  count(counts: Counts): Promise<void>;
  metrics(): Promise<PoolMetrics>;
  /** The last hour, oldest first; minutes without any traffic are missing. */
  history(): Promise<readonly Minute[]>;
}
