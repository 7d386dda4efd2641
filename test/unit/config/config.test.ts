import { describe, it } from "vitest";

import {
  BINDINGS,
  configOf,
  DEFAULT_COOKIE,
  DEFAULT_POOL,
  ONE_ORIGIN,
  problemsOf,
  SECRET,
  SERVICE,
} from "./fixtures.ts";
import { readConfig } from "../../../src/config/config.ts";

/** A full configuration, as wrangler hands it over. */
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
        binding: null,
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
    expect(admin).toEqual({ path: "/ops/limpet", token: "sixteen-letters!", access: null });
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
    expect(origin).toMatchObject({
      name: "cart_service",
      url: "",
      binding: "CART_SERVICE",
      fetcher: SERVICE,
    });
  });

  it("still says where the admin lives when everything else is wrong", ({ expect }) => {
    const reading = readConfig({ ADMIN_PATH: "/ops", ADMIN_TOKEN: "sixteen-letters!" });
    expect(reading).toMatchObject({
      ok: false,
      admin: { path: "/ops", token: "sixteen-letters!" },
    });
  });

  it("knows the Access application in front of the admin", ({ expect }) => {
    const ACCESS_AUD = "4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2";
    const env = { ORIGINS: ONE_ORIGIN, ACCESS_TEAM: "my-team", ACCESS_AUD };
    expect(configOf(env).admin.access).toEqual({ team: "my-team", audience: ACCESS_AUD });
    expect(configOf({ ORIGINS: ONE_ORIGIN }).admin.access).toBeNull();
  });

  it.for([
    [{ ACCESS_TEAM: "my-team" }, "ACCESS_AUD"],
    [{ ACCESS_AUD: "4714c1358e65fe4b408ad6d432a5f878" }, "ACCESS_TEAM"],
    [
      { ACCESS_TEAM: "my-team.cloudflareaccess.com", ACCESS_AUD: "4714c1358e65fe4b408ad6d4" },
      "ACCESS_TEAM",
    ],
    [{ ACCESS_TEAM: "my-team", ACCESS_AUD: "a b" }, "ACCESS_AUD"],
  ] as const)("wants team and audience of Access together: %j", ([env, path], { expect }) => {
    const problems = problemsOf({ ORIGINS: ONE_ORIGIN, ...env });
    expect(problems.map((problem) => problem.path)).toEqual([path]);
  });

  it("has no admin for a token that is too short", ({ expect }) => {
    const reading = readConfig({ ...BINDINGS, ORIGINS: ONE_ORIGIN, ADMIN_TOKEN: "short" });
    expect(reading).toMatchObject({ ok: false, admin: { token: null } });
  });
});
