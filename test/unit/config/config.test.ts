import { describe, it } from "vitest";

import { BINDINGS, configOf, ONE_ORIGIN, SECRET, SERVICE } from "./fixtures.ts";
import { readConfig } from "../../../src/config/config.ts";

/** The whole example of DESIGN.md §3, as wrangler hands it over. */
const SHOP = {
  name: "shop",
  match: ["shop.example.com/*", "*.example.com/cart/*"],
  balance: "least-sessions",
  skip: ["/assets/*"],
  client_ip: "cf-connecting-ip",
  affinity: [{ by: "app-cookie", name: "JSESSIONID", pin: "map" }, { by: "cookie" }],
  origins: [
    {
      name: "app-1",
      url: "https://app-1.example.com/base",
      weight: 2,
      tier: 0,
      route: "node1",
      regions: ["EU"],
      version: "v2",
      max_sessions: 5000,
      state: "active",
    },
  ],
  sessions: {
    idle: "30m",
    ttl: "23h",
    lease: "60s",
    record: "first",
    store: "durable",
    max: 1000000,
    shards: 16,
  },
  failover: {
    on_lost: "repin",
    refuse_status: 503,
    retries: 1,
    retry_status: [502, 503, 504],
    timeout: "30s",
  },
  health: {
    path: "/healthz",
    interval: "30s",
    timeout: "5s",
    rise: 2,
    fall: 3,
    expect: "2xx",
    passive: { failures: 3, window: "10s", eject: "30s", max_ejected: 0.5 },
  },
  drain: { deadline: "5m" },
};

const DEFAULT_POOL = {
  match: [],
  balance: "round-robin",
  skip: [],
  clientIp: { kind: "header", header: "cf-connecting-ip" },
  sessions: {
    idleMs: 1_800_000,
    ttlMs: 82_800_000,
    leaseMs: 60_000,
    record: "first",
    store: "durable",
    max: 1_000_000,
    shards: 16,
    shardsBefore: [],
  },
  failover: {
    onLost: "repin",
    refuseStatus: 503,
    retries: 1,
    retryStatus: [502, 503, 504],
    timeoutMs: 30_000,
  },
  health: {
    path: null,
    intervalMs: 30_000,
    timeoutMs: 5_000,
    rise: 2,
    fall: 3,
    expect: [[200, 299]],
    failures: 3,
    windowMs: 10_000,
    ejectMs: 30_000,
    maxEjected: 0.5,
  },
  drainMs: 300_000,
};

const DEFAULT_COOKIE = {
  name: null,
  path: "/",
  domain: null,
  sameSite: "Lax",
  secure: null,
  partitioned: false,
  lifetime: "session",
};

describe("the small form", () => {
  it("needs nothing but ORIGINS and makes one pool of them, with every default", ({ expect }) => {
    const { pools, admin, exposeStatus, secrets } = configOf({
      ORIGINS: ["https://app-1.example.com", "https://app-2.example.com"],
    });
    expect(pools).toHaveLength(1);
    expect(pools[0]).toMatchObject({ name: "default", ...DEFAULT_POOL });
    expect(pools[0]?.rules).toEqual([
      expect.objectContaining({ by: "cookie", pin: "cookie", cookie: DEFAULT_COOKIE }),
    ]);
    expect(pools[0]?.origins).toEqual(
      ["app-1.example.com", "app-2.example.com"].map((name) => ({
        name,
        url: `https://${name}`,
        fetcher: null,
        weight: 1,
        tier: 0,
        route: name,
        regions: [],
        version: null,
        maxSessions: Infinity,
        state: "active",
      })),
    );
    expect(admin).toEqual({ path: "/__limpet", token: null });
    expect(exposeStatus).toBe(false);
    expect(secrets).toEqual([SECRET]);
  });

  it("names origins by their URL alone, so that order and company change no name", ({ expect }) => {
    const names = (urls: string[]) =>
      Object.fromEntries(configOf({ ORIGINS: urls }).pools[0]!.origins.map((o) => [o.url, o.name]));
    const [a, b, c] = [
      "http://127.0.0.1:8001",
      "https://app.example.com/a/b/",
      "https://c.example",
    ];
    const all = names([a, b, c]);
    expect(all).toEqual({
      "http://127.0.0.1:8001": "127.0.0.1-8001",
      "https://app.example.com/a/b": "app.example.com-a-b",
      "https://c.example": "c.example",
    });
    expect(names([c, a])).toEqual({ [c]: all[c], [a]: all[a] });
  });

  it.for([
    ["one URL", "https://app-1.example.com", 1],
    ["URLs by commas", "https://app-1.example.com, https://app-2.example.com", 2],
    ["JSON", '["https://app-1.example.com","https://app-2.example.com"]', 2],
  ] as const)("takes ORIGINS as text: %s", ([, text, count], { expect }) => {
    expect(configOf({ ORIGINS: text }).pools[0]?.origins).toHaveLength(count);
  });

  it.for([
    ["cookie", [{ by: "cookie", pin: "cookie", learn: "request" }]],
    ["ip", [{ by: "ip", pin: "map", learn: "request", v4: 32, v6: 64 }]],
    [
      "app-cookie:JSESSIONID",
      [{ by: "app-cookie", name: "JSESSIONID", pin: "map", learn: "response" }],
    ],
    [
      "header:Mcp-Session-Id",
      [{ by: "header", name: "mcp-session-id", pin: "map", learn: "both" }],
    ],
    ["query:sid", [{ by: "query", name: "sid", pin: "map", learn: "request" }]],
    [
      "path:/rooms/:room/*",
      [{ by: "path", name: "/rooms/:room/*", pathKind: "pattern", pin: "hash" }],
    ],
    ["none", []],
    [[], []],
    [
      ["query:sid", "ip"],
      [{ by: "query", name: "sid" }, { by: "ip" }],
    ],
    ["query:sid, ip", [{ by: "query" }, { by: "ip" }]],
    ['["header:X-Session-ID", {"by": "cookie"}]', [{ by: "header" }, { by: "cookie" }]],
    [
      ["app-cookie:SID", { by: "ip", pin: "hash" }],
      [{ by: "app-cookie" }, { by: "ip", pin: "hash" }],
    ],
    [{ by: "ip", v6: 56 }, [{ by: "ip", v6: 56 }]],
  ] as const)("takes AFFINITY = %j", ([affinity, rules], { expect }) => {
    const read = configOf({ ORIGINS: ONE_ORIGIN, AFFINITY: affinity }).pools[0]?.rules;
    expect(read).toHaveLength(rules.length);
    expect(read).toMatchObject(rules);
  });
});

describe("the full form", () => {
  it("reads the whole example of the contract", ({ expect }) => {
    const [pool] = configOf({ POOLS: [SHOP] }).pools;
    expect(pool).toMatchObject({
      ...DEFAULT_POOL,
      name: "shop",
      match: SHOP.match,
      balance: "least-sessions",
      skip: ["/assets/*"],
      health: { ...DEFAULT_POOL.health, path: "/healthz" },
    });
    expect(pool?.origins).toEqual([
      {
        name: "app-1",
        url: "https://app-1.example.com/base",
        fetcher: null,
        weight: 2,
        tier: 0,
        route: "node1",
        regions: ["EU"],
        version: "v2",
        maxSessions: 5000,
        state: "active",
      },
    ]);
    expect(pool?.rules).toMatchObject([
      { by: "app-cookie", name: "JSESSIONID", pin: "map", learn: "response" },
      { by: "cookie", pin: "cookie", cookie: DEFAULT_COOKIE },
    ]);
  });

  it("gives a pool of a name and one origin the same defaults", ({ expect }) => {
    const pool = { name: "shop", origins: [{ url: "https://app-1.example.com" }] };
    expect(configOf({ POOLS: [pool] }).pools).toMatchObject([{ name: "shop", ...DEFAULT_POOL }]);
  });

  it("reads POOLS as JSON text too", ({ expect }) => {
    expect(configOf({ POOLS: JSON.stringify([SHOP]) })).toEqual(configOf({ POOLS: [SHOP] }));
  });

  it("reads the rules in full, and shorthands among them", ({ expect }) => {
    const affinity = [
      { by: "cookie" },
      { by: "app-cookie", name: "JSESSIONID", pin: "map", learn: "response" },
      { by: "header", name: "Mcp-Session-Id", pin: "map", learn: "both" },
      { by: "query", name: "sid", pin: "map", learn: "request" },
      { by: "path", pattern: "/rooms/:room/*", pin: "hash" },
      { by: "path", matrix: "jsessionid", pin: "map" },
      { by: "ip", v4: 32, v6: 64, pin: "map" },
    ];
    const rules = configOf({ POOLS: [{ ...SHOP, affinity }] }).pools[0]!.rules;
    expect(rules).toMatchObject([
      { by: "cookie", pin: "cookie" },
      { by: "app-cookie", name: "JSESSIONID", pin: "map", learn: "response", separator: "." },
      { by: "header", name: "mcp-session-id", pin: "map", learn: "both" },
      { by: "query", name: "sid", pin: "map", learn: "request" },
      { by: "path", name: "/rooms/:room/*", pathKind: "pattern", pin: "hash", learn: "request" },
      { by: "path", name: "jsessionid", pathKind: "matrix", pin: "map", learn: "request" },
      { by: "ip", v4: 32, v6: 64, pin: "map", learn: "request" },
    ]);
    expect(new Set(rules.map(({ id }) => id)).size).toBe(rules.length);
    const mixed = ["query:sid", ...affinity.slice(0, 1)];
    expect(configOf({ POOLS: [{ ...SHOP, affinity: mixed }] }).pools[0]?.rules).toHaveLength(2);
  });
});

describe("the other bindings", () => {
  it("reads the admin's path and token and what to expose", ({ expect }) => {
    const { admin, exposeStatus } = configOf({
      ORIGINS: ONE_ORIGIN,
      ADMIN_PATH: "/ops/limpet",
      ADMIN_TOKEN: "sixteen-letters!",
      EXPOSE: "status",
    });
    expect(admin).toEqual({ path: "/ops/limpet", token: "sixteen-letters!" });
    expect(exposeStatus).toBe(true);
  });

  it("splits the secret while it is rotated, the new one first", ({ expect }) => {
    const next = SECRET.toUpperCase();
    const { secrets } = configOf({ ORIGINS: ONE_ORIGIN, AFFINITY_SECRET: `${next}, ${SECRET}` });
    expect(secrets).toEqual([next, SECRET]);
  });

  it("finds an origin's binding in the environment", ({ expect }) => {
    const POOLS = [{ name: "shop", origins: [{ binding: "CART_SERVICE" }] }];
    const [origin] = configOf({ POOLS, CART_SERVICE: SERVICE }).pools[0]!.origins;
    expect(origin).toMatchObject({ name: "cart_service", url: "", fetcher: SERVICE });
  });

  it("still says where the admin lives when everything else is wrong", ({ expect }) => {
    const reading = readConfig({ ADMIN_PATH: "/ops", ADMIN_TOKEN: "sixteen-letters!" });
    expect(reading).toMatchObject({
      ok: false,
      admin: { path: "/ops", token: "sixteen-letters!" },
    });
  });

  it("has no admin for a token that is too short", ({ expect }) => {
    const reading = readConfig({ ...BINDINGS, ORIGINS: ONE_ORIGIN, ADMIN_TOKEN: "short" });
    expect(reading).toMatchObject({ ok: false, admin: { token: null } });
  });
});
