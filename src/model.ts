/** The words of the project as types. A parsed configuration has nothing optional in it. */

export const BY = ["cookie", "app-cookie", "header", "query", "path", "ip"] as const;
export type By = (typeof BY)[number];
export const PINS = ["cookie", "map", "route", "embed", "hash"] as const;
export type PinKeeper = (typeof PINS)[number];
export type Learn = "request" | "response" | "both";
export const STATES = ["active", "draining", "disabled"] as const;
export type State = (typeof STATES)[number];
export const BALANCES = [
  "round-robin",
  "weighted-random",
  "least-sessions",
  "hash",
  "nearest",
] as const;
export type BalanceName = (typeof BALANCES)[number];

/** How a cookie of ours is written. `name` null: the default name for the scheme and pool. */
export interface CookieSettings {
  readonly name: string | null;
  readonly path: string;
  readonly domain: string | null;
  readonly sameSite: "Strict" | "Lax" | "None";
  /** null: follows the request's scheme. */
  readonly secure: boolean | null;
  readonly partitioned: boolean;
  readonly lifetime: "session" | "permanent";
}

/** One way for a request to show its session: where the key is read × where the pin is kept. */
export interface Rule {
  /** Distinguishes the rule within its pool; part of every key hash, so it must be stable. */
  readonly id: string;
  readonly by: By;
  readonly pin: PinKeeper;
  readonly learn: Learn;
  /** Cookie, header, query or matrix parameter name; a URLPattern pathname; empty otherwise. */
  readonly name: string;
  /** `by = "path"`: whether `name` is a URLPattern or a matrix parameter. */
  readonly pathKind: "pattern" | "matrix";
  readonly separator: string;
  readonly v4: number;
  readonly v6: number;
  readonly cookie: CookieSettings;
}

export interface Origin {
  readonly name: string;
  /** Scheme, authority and base path, without a trailing slash. Empty for a binding without URL. */
  readonly url: string;
  /** A service, mTLS or VPC binding that reaches the origin instead of the global fetch. */
  readonly binding: string | null;
  readonly fetcher: Fetcher | null;
  readonly weight: number;
  readonly tier: number;
  readonly route: string;
  readonly regions: readonly string[];
  readonly version: string | null;
  readonly maxSessions: number;
  readonly state: State;
}

export interface SessionSettings {
  readonly idleMs: number;
  readonly ttlMs: number;
  readonly leaseMs: number;
  readonly record: "first" | "return" | "never";
  readonly store: "durable" | "kv";
  readonly max: number;
  readonly shards: number;
  /** Earlier shard counts, newest first; rows are still looked for there. */
  readonly shardsBefore: readonly number[];
}

export interface FailoverSettings {
  readonly onLost: "repin" | "detour" | "refuse";
  readonly refuseStatus: number;
  readonly retries: number;
  readonly retryStatus: readonly number[];
  readonly timeoutMs: number;
}

export interface HealthSettings {
  /** null: passive only. */
  readonly path: string | null;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly rise: number;
  readonly fall: number;
  /** Inclusive status ranges that count as a pass. */
  readonly expect: readonly (readonly [number, number])[];
  readonly failures: number;
  readonly windowMs: number;
  readonly ejectMs: number;
  readonly maxEjected: number;
}

export type ClientIpSource =
  | { readonly kind: "header"; readonly header: string }
  | { readonly kind: "chain"; readonly header: string; readonly trusted: readonly string[] };

export interface Pool {
  readonly name: string;
  /** Host and path globs; empty matches everything. */
  readonly match: readonly string[];
  readonly balance: BalanceName;
  readonly skip: readonly string[];
  readonly clientIp: ClientIpSource;
  readonly rules: readonly Rule[];
  readonly origins: readonly Origin[];
  readonly sessions: SessionSettings;
  readonly failover: FailoverSettings;
  readonly health: HealthSettings;
  /** null: draining lasts until the last session ends. */
  readonly drainMs: number | null;
  /** null: sessions stay where they are after a scale-out. */
  readonly rebalance: RebalanceSettings | null;
}

/** Moving idle sessions until pinned counts fit the weights. */
export interface RebalanceSettings {
  /** Only sessions unused for this long are moved. */
  readonly idleMs: number;
  /** The most that is moved in a minute, as a share of all sessions. */
  readonly sharePerMinute: number;
}

/** Where the admin routes live and what opens them; null token: they do not exist. */
export interface AdminSettings {
  readonly path: string;
  readonly token: string | null;
  /** Null: Cloudflare Access opens nothing. */
  readonly access: AccessSettings | null;
}

/** The Cloudflare Access application in front of the admin routes. */
export interface AccessSettings {
  /** The name before `.cloudflareaccess.com`. */
  readonly team: string;
  readonly audience: string;
}

export interface Config {
  readonly pools: readonly Pool[];
  readonly admin: AdminSettings;
  /** Where the objects' data stay; null: wherever the platform puts them. */
  readonly jurisdiction: Jurisdiction | null;
  /** AFFINITY_SECRET split: the first signs, all verify. */
  readonly secrets: readonly string[];
  readonly exposeStatus: boolean;
  readonly log: LogSettings;
  /** Where each request leaves a data point; null: nowhere. */
  readonly dataset: Dataset | null;
}

/** Of Durable Objects, as the platform names them. */
export type Jurisdiction = "eu" | "us" | "fedramp" | "fedramp-high";

/** A dataset of the Analytics Engine: as much of it as is used. */
export interface Dataset {
  writeDataPoint(point: DataPoint): void;
}

export interface DataPoint {
  readonly indexes: [string];
  readonly blobs: string[];
  readonly doubles: number[];
}

/** Which requests leave a line in the log. */
export interface LogSettings {
  /** Those whose pin was moved, lost, void or not to be found out, and those that failed. */
  readonly changes: boolean;
  /** This share of the others, 0 to 1. */
  readonly share: number;
}

/** One mistake in a configuration: where, what stood there, and what would be right. */
export interface Problem {
  readonly path: string;
  readonly value: string;
  readonly expected: string;
}

/** Session → origin, as the session map keeps it. Times in ms since the epoch. */
export interface Pin {
  readonly origin: string;
  readonly generation: number;
  readonly created: number;
  readonly seen: number;
}

/** A pin with its key hash, as the operator lists it. */
export interface Session extends Pin {
  readonly id: string;
  readonly by: By;
  readonly expires: number;
}

/** What keeps work alive after the answer has left (`ExecutionContext.waitUntil`). */
export type Background = (work: Promise<unknown>) => void;

/** What may be done with an origin now: its configuration, the operator's word and its health. */
export interface Standing {
  readonly origin: Origin;
  readonly state: State;
  readonly weight: number;
  /** Pins of an earlier generation are void. */
  readonly generation: number;
  readonly health: "up" | "down";
  /** When it last came back; null if it never was down. ms since the epoch. */
  readonly upSince: number | null;
  /** Live pinned sessions, as of the view; 0 when nobody counts them. */
  readonly sessions: number;
  /** May serve a session that is pinned to it; if not, `lost` says why. */
  readonly keep: boolean;
  readonly lost: "down" | "drained" | "disabled" | null;
}

/** A pool as it may be used now. Immutable; a change makes a new one. */
export interface Snapshot {
  /** By origin name, in the order of the configuration. */
  readonly standings: ReadonlyMap<string, Standing>;
  /** Who may get a new session; draining origins when there is nobody else; empty: nobody at all. */
  readonly takers: readonly Standing[];
  /** Sessions (key hashes) that were moved or released: leases up to that time do not count. */
  readonly recalled: ReadonlyMap<string, number>;
  /** Leases that began before this time do not count; ms since the epoch. */
  readonly askBefore: number;
  /** When the sessions of the standings were counted; ms since the epoch. */
  readonly countsAt: number;
  /** When time alone changes this; ms since the epoch. */
  readonly validUntil: number;
}

/** What balancing proposes for this request; null when no origin may take a session. */
export type Choose = (wish: Wish) => Standing | null;

export interface Wish {
  /** The origin that was lost. */
  readonly avoid: Standing | null;
  /** For a choice that is the same everywhere, without a map; null: by the pool's policy. */
  readonly key: string | null;
  /** The key is a pin of its own (`pin = "hash"`): draining origins still count. */
  readonly isPinned?: boolean;
}

/** A cookie or header of the application that goes to the client in another form. */
export type Instead =
  | { readonly kind: "cookie"; readonly name: string; readonly line: string }
  | { readonly kind: "header"; readonly name: string; readonly value: string };
