import type { ClientIpSource, CookieSettings, Origin, Pool, Problem, Rule } from "../model.ts";
import { acrossTables } from "./across-tables.ts";
import { firstGroup, type CookieTable, type RuleTable } from "./affinity.ts";
import type { OriginTable, PoolTable } from "./pool.ts";

/** From a pool as it is written (validated) to a pool as the router uses it. Pure. */

const DEFAULT_LEASE_MS = 60_000;

export function compilePool(
  given: PoolTable,
  path: string,
  fetchers: (binding: string) => Fetcher | null,
): { pool: Pool; problems: Problem[] } {
  const problems: Problem[] = [];
  const origins = given.origins.map((origin, index) => {
    const fetcher = origin.binding === undefined ? null : fetchers(origin.binding);
    if (origin.binding !== undefined && fetcher === null) {
      problems.push({
        path: `${path}.origins[${index}].binding`,
        value: JSON.stringify(origin.binding),
        expected: "the name of a service, mTLS or VPC binding of this Worker",
      });
    }
    const compiled = compileOrigin(origin, fetcher);
    if (compiled.name === "") {
      problems.push({
        path: `${path}.origins[${index}].name`,
        value: "absent",
        expected: "a name, because none can be made of this URL",
      });
    }
    return compiled;
  });
  problems.push(
    ...repeated(origins, (origin) => origin.name, `${path}.origins`, "name"),
    ...repeated(origins, (origin) => origin.route, `${path}.origins`, "route"),
  );
  const rules = given.affinity.map(compileRule);
  problems.push(...repeated(rules, (rule) => rule.id, `${path}.affinity`, "key"));
  const { sessions, failover, health } = given;
  const pool: Pool = {
    name: given.name,
    match: given.match,
    balance: given.balance,
    skip: given.skip,
    clientIp: compileClientIp(given.client_ip),
    rules,
    origins,
    sessions: {
      idleMs: sessions.idle,
      ttlMs: sessions.ttl,
      leaseMs: sessions.lease ?? defaultLease(sessions.idle),
      record: sessions.record,
      store: sessions.store,
      max: sessions.max,
      shards: sessions.shards,
      shardsBefore: sessions.shards_before,
    },
    failover: {
      onLost: failover.on_lost,
      refuseStatus: failover.refuse_status,
      retries: failover.retries,
      retryStatus: failover.retry_status,
      timeoutMs: failover.timeout,
    },
    health: {
      path: health.path,
      intervalMs: health.interval,
      timeoutMs: health.timeout,
      rise: health.rise,
      fall: health.fall,
      expect: health.expect,
      failures: health.passive.failures,
      windowMs: health.passive.window,
      ejectMs: health.passive.eject,
      maxEjected: health.passive.max_ejected,
    },
    drainMs: given.drain.deadline === "none" ? null : given.drain.deadline,
    rebalance:
      given.rebalance === null
        ? null
        : { idleMs: given.rebalance.idle, sharePerMinute: given.rebalance.rate },
  };
  problems.push(...acrossTables(pool, path));
  return { pool, problems };
}

/** A minute, or half of a shorter idle time; nothing between 0 and 1 s. */
function defaultLease(idleMs: number): number {
  const lease = Math.min(DEFAULT_LEASE_MS, idleMs / 2);
  return lease >= 1000 ? lease : 0;
}

function compileOrigin(given: OriginTable, fetcher: Fetcher | null): Origin {
  const url = given.url === undefined ? "" : new URL(given.url).href.replace(/\/+$/, "");
  const name = given.name ?? (url ? nameOf(url) : given.binding!.toLowerCase());
  return {
    name,
    url,
    binding: given.binding ?? null,
    fetcher,
    weight: given.weight,
    tier: given.tier,
    route: given.route ?? name,
    regions: given.regions.map((region) => region.toUpperCase()),
    version: given.version,
    maxSessions: given.max_sessions ?? Infinity,
    state: given.weight === 0 && given.state === "active" ? "draining" : given.state,
  };
}

/** Depends on the URL alone, so that adding or reordering origins renames none. */
function nameOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname.replace(/\/+$/, "")}`
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[-._]+/, "")
    .slice(0, 64);
}

function compileClientIp(given: PoolTable["client_ip"]): ClientIpSource {
  return typeof given === "string"
    ? { kind: "header", header: given.toLowerCase() }
    : { kind: "chain", header: given.header.toLowerCase(), trusted: given.trusted };
}

const NO_COOKIE: CookieSettings = {
  name: null,
  path: "/",
  domain: null,
  sameSite: "Lax",
  secure: null,
  partitioned: false,
  lifetime: "session",
};

function compileCookie(given: CookieTable): CookieSettings {
  const sameSite = given.partitioned ? "None" : given.same_site;
  return {
    name: given.name,
    path: given.path,
    domain: given.domain,
    sameSite,
    secure: sameSite === "None" ? true : given.secure,
    partitioned: given.partitioned,
    lifetime: given.lifetime,
  };
}

function compileRule(given: RuleTable): Rule {
  const base = {
    by: given.by,
    learn: "request" as const,
    name: "",
    pathKind: "pattern" as const,
    separator: ".",
    v4: 32,
    v6: 64,
    cookie: NO_COOKIE,
  };
  switch (given.by) {
    case "cookie":
      return { ...base, id: "cookie", pin: given.pin, cookie: compileCookie(given.cookie) };
    case "app-cookie": {
      const { name, pin, learn, separator } = given;
      const cookie = given.cookie === undefined ? NO_COOKIE : compileCookie(given.cookie);
      return { ...base, id: `app-cookie:${name}`, name, pin, learn, separator, cookie };
    }
    case "header": {
      const name = given.name.toLowerCase();
      const { pin, learn, separator } = given;
      return { ...base, id: `header:${name}`, name, pin, learn, separator };
    }
    case "query": {
      const { name, pin, learn, separator } = given;
      return { ...base, id: `query:${name}`, name, pin, learn, separator };
    }
    case "path": {
      const { learn, separator } = given;
      if (given.matrix !== undefined) {
        const name = given.matrix;
        const pin = given.pin ?? "map";
        return { ...base, id: `matrix:${name}`, name, pin, learn, separator, pathKind: "matrix" };
      }
      const name = given.pattern ?? "";
      return {
        ...base,
        id: `path:${firstGroup(name)}:${name}`,
        name,
        pin: given.pin ?? "hash",
        learn,
        separator,
      };
    }
    case "ip":
      return { ...base, id: "ip", pin: given.pin, learn: given.learn, v4: given.v4, v6: given.v6 };
  }
}

function repeated<T>(
  list: readonly T[],
  keyOf: (item: T) => string,
  path: string,
  what: string,
): Problem[] {
  const seen = new Set<string>();
  return list.flatMap((item, index) => {
    const key = keyOf(item);
    if (!seen.has(key)) {
      seen.add(key);
      return [];
    }
    return [
      {
        path: `${path}[${index}]`,
        value: JSON.stringify(key),
        expected: `a ${what} that no other has`,
      },
    ];
  });
}
