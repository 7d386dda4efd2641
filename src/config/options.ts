/** What `limpet({ … })` takes: the settings of POOLS as types. */

/** A number with a unit: `"500ms"`, `"30s"`, `"5m"`, `"12h"`, `"7d"`. */
export type Duration = string;

export type LimpetOptions = CommonOptions & (InPools | InShort | InEnvironment);

/** The full form. */
interface InPools {
  readonly pools: readonly PoolOptions[];
  readonly origins?: never;
  readonly affinity?: never;
}

/** The small form: one pool named "default". */
interface InShort {
  readonly origins: readonly string[];
  /** Default: `"cookie"`. */
  readonly affinity?: AffinityOptions;
  readonly pools?: never;
}

/** Neither: ORIGINS, AFFINITY and POOLS are read from the environment, and so are the others below. */
interface InEnvironment {
  readonly origins?: never;
  readonly affinity?: never;
  readonly pools?: never;
}

interface CommonOptions {
  /** Where the admin routes are, from the root of the host. Default: `"/__limpet"`. */
  readonly adminPath?: string;
  /** Logins of this Cloudflare Access application open the admin routes. */
  readonly access?: { readonly team: string; readonly audience: string };
  /** `"status"`: answers carry `Affinity-Status`. */
  readonly expose?: "status";
  /** `"changes"` (default), `"all"`, `"none"`, or a share of the other requests such as `"1%"`. */
  readonly log?: string;
  /** Where the Durable Objects store and run. Default: wherever the platform puts them. */
  readonly jurisdiction?: "eu" | "us" | "fedramp" | "fedramp-high";
  /** Bindings that have another name in this Worker: `{ ADMIN_TOKEN: "ROUTER_TOKEN" }`. */
  readonly bindings?: Readonly<Partial<Record<Renamable, string>>>;
}

/** `SESSION_MAP` and `POOL_STATE` keep their names: the objects look each other up by them. */
type Renamable = "AFFINITY_SECRET" | "ADMIN_TOKEN" | "SESSIONS_KV" | "METRICS";

export interface PoolOptions {
  /** `a-z`, `0-9`, `-`, at most 32 characters. Part of every pin. */
  readonly name: string;
  readonly origins: readonly OriginOptions[];
  /** Host and path globs such as `"shop.example.com/*"`. Default: everything. */
  readonly match?: readonly string[] | undefined;
  /** Default: `"round-robin"`. */
  readonly balance?:
    | "round-robin"
    | "weighted-random"
    | "least-sessions"
    | "hash"
    | "nearest"
    | undefined;
  /** Path globs that follow an existing pin and never make one. */
  readonly skip?: readonly string[] | undefined;
  /** The header with the client's address; `trusted`: of a chain, the right-most that is not. */
  readonly client_ip?:
    | string
    | { readonly header: string; readonly trusted: readonly string[] }
    | undefined;
  /** In this order; the first that yields a usable pin wins. Default: `["cookie"]`. */
  readonly affinity?: AffinityOptions | undefined;
  readonly sessions?: SessionOptions | undefined;
  readonly failover?: FailoverOptions | undefined;
  readonly health?: HealthOptions | undefined;
  readonly rebalance?: { readonly idle: Duration; readonly rate: string } | null | undefined;
  /** Default: `"5m"`; `"none"`: until the last session ends. */
  readonly drain?: { readonly deadline?: Duration | undefined } | undefined;
}

/** `url`, `binding`, or both. */
export interface OriginOptions {
  /** The origin's identity, which pins hold. Default: from the URL. */
  readonly name?: string | undefined;
  readonly url?: string | undefined;
  /** A service, mTLS certificate or VPC service binding of this Worker. */
  readonly binding?: string | undefined;
  /** 0 to 1000; 0 drains. Default: 1. */
  readonly weight?: number | undefined;
  /** 0 to 9; a higher one serves only when no lower one can. Default: 0. */
  readonly tier?: number | undefined;
  /** Label for `pin: "route"`. Default: the name. */
  readonly route?: string | undefined;
  /** Continents, countries or colos, for `balance: "nearest"`. */
  readonly regions?: readonly string[] | undefined;
  /** A lost session prefers an origin of the same version. */
  readonly version?: string | null | undefined;
  /** Above it new sessions go elsewhere. */
  readonly max_sessions?: number | null | undefined;
  /** Holds until an operator says otherwise. Default: `"active"`. */
  readonly state?: "active" | "draining" | "disabled" | undefined;
}

export interface SessionOptions {
  /** Forgotten after this long unused. Default: `"30m"`. */
  readonly idle?: Duration | undefined;
  /** Absolute lifetime. Default: `"23h"`. */
  readonly ttl?: Duration | undefined;
  /** How long a pin is trusted without asking the map; `"0s"`: never. Default: `"60s"`. */
  readonly lease?: Duration | undefined;
  /** When a cookie session gets its row. Default: `"first"`. */
  readonly record?: "first" | "return" | "never" | undefined;
  /** Default: `"durable"`. */
  readonly store?: "durable" | "kv" | undefined;
  /** Sessions of the pool in the map. Default: 1,000,000. */
  readonly max?: number | undefined;
  /** Durable Objects that share the map. Default: 16. */
  readonly shards?: number | undefined;
  /** Other counts, while rows move over. */
  readonly shards_before?: readonly number[] | undefined;
}

export interface FailoverOptions {
  /** Default: `"repin"`. */
  readonly on_lost?: "repin" | "detour" | "refuse" | undefined;
  /** Default: 503. */
  readonly refuse_status?: number | undefined;
  /** Further origins tried, where that is safe. Default: 1. */
  readonly retries?: number | undefined;
  /** Default: 502, 503, 504. */
  readonly retry_status?: readonly number[] | undefined;
  /** Until the response headers. Default: `"30s"`. */
  readonly timeout?: Duration | undefined;
}

export interface HealthOptions {
  /** Of the active check; absent: passive only. */
  readonly path?: string | null | undefined;
  /** Default: `"30s"`. */
  readonly interval?: Duration | undefined;
  /** Default: `"5s"`. */
  readonly timeout?: Duration | undefined;
  /** Default: 2. */
  readonly rise?: number | undefined;
  /** Default: 3. */
  readonly fall?: number | undefined;
  /** `"2xx"` (default), a range such as `"200-399"`, or a list. */
  readonly expect?: string | readonly number[] | undefined;
  readonly passive?:
    | {
        readonly failures?: number | undefined;
        readonly window?: Duration | undefined;
        readonly eject?: Duration | undefined;
        readonly max_ejected?: number | undefined;
      }
    | undefined;
}

export type AffinityOptions = RuleOptions | readonly RuleOptions[];

/**
 * A rule, or its shorthand: `"cookie"`, `"ip"`, `"app-cookie:NAME"`, `"header:NAME"`, `"query:NAME"`,
 * `"path:/PATTERN"`; `"none"`, alone, only balances.
 */
export type RuleOptions = RuleTableOptions | Shorthand;
type Shorthand =
  | "none"
  | "cookie"
  | "ip"
  | `${"app-cookie" | "header" | "query"}:${string}`
  | `path:/${string}`;

type Learn = "request" | "response" | "both";

export type RuleTableOptions =
  | {
      readonly by: "cookie";
      readonly pin?: "cookie" | undefined;
      readonly cookie?: CookieOptions | undefined;
    }
  | {
      readonly by: "app-cookie";
      readonly name: string;
      readonly pin?: "map" | "cookie" | "route" | "embed" | "hash" | undefined;
      readonly learn?: Learn | undefined;
      readonly separator?: string | undefined;
      readonly cookie?: CookieOptions | undefined;
    }
  | {
      readonly by: "header";
      readonly name: string;
      readonly pin?: "map" | "route" | "embed" | "hash" | undefined;
      readonly learn?: Learn | undefined;
      readonly separator?: string | undefined;
    }
  | {
      readonly by: "query";
      readonly name: string;
      readonly pin?: "map" | "route" | "hash" | undefined;
      readonly learn?: "request" | undefined;
      readonly separator?: string | undefined;
    }
  | {
      /** Either `pattern`, whose first named group is the key, or `matrix`, as in `;jsessionid=…`. */
      readonly by: "path";
      readonly pattern?: string | undefined;
      readonly matrix?: string | undefined;
      readonly pin?: "hash" | "map" | "route" | undefined;
      readonly learn?: "request" | undefined;
      readonly separator?: string | undefined;
    }
  | {
      readonly by: "ip";
      /** Bits of the address that count. Default: 32. */
      readonly v4?: number | undefined;
      /** Default: 64. */
      readonly v6?: number | undefined;
      readonly pin?: "map" | "hash" | undefined;
      readonly learn?: "request" | undefined;
    };

export interface CookieOptions {
  /** Default: `__Host-affinity`, over http `affinity`. */
  readonly name?: string | null | undefined;
  readonly path?: string | undefined;
  readonly domain?: string | null | undefined;
  readonly same_site?: "Strict" | "Lax" | "None" | undefined;
  /** Default: follows the request's scheme. */
  readonly secure?: boolean | null | undefined;
  readonly partitioned?: boolean | undefined;
  /** Default: `"session"`. */
  readonly lifetime?: "session" | "permanent" | undefined;
}
