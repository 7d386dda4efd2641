import { describe, it } from "vitest";

import { ONE_ORIGIN, poolProblems, problemsOf, SECRET } from "./fixtures.ts";
import { readConfig } from "../../../src/config/config.ts";

describe("a bad configuration", () => {
  it("reports every mistake at once, each with path, value and what would be right", ({
    expect,
  }) => {
    const problems = problemsOf({
      AFFINITY_SECRET: undefined,
      EXPOSE: "everything",
      ADMIN_PATH: "no-slash",
      POOLS: [
        {
          name: "Shop",
          balance: "fastest",
          origins: [{ url: "ftp://app-1.example.com", weight: 1001 }],
          sessions: { idle: "soon" },
        },
        { name: "api", origins: [{ url: "https://api.example.com", tier: -1 }] },
      ],
    });
    const found = new Map(problems.map((problem) => [problem.path, problem]));
    expect([...found.keys()].sort()).toEqual([
      "ADMIN_PATH",
      "AFFINITY_SECRET",
      "EXPOSE",
      "POOLS[0].balance",
      "POOLS[0].name",
      "POOLS[0].origins[0].url",
      "POOLS[0].origins[0].weight",
      "POOLS[0].sessions.idle",
      "POOLS[1].origins[0].tier",
    ]);
    expect(found.get("POOLS[0].balance")).toEqual({
      path: "POOLS[0].balance",
      value: '"fastest"',
      expected: 'one of "round-robin", "weighted-random", "least-sessions", "hash", "nearest"',
    });
    expect(found.get("POOLS[0].origins[0].weight")?.value).toBe("1001");
    expect(found.get("POOLS[0].sessions.idle")?.value).toBe('"soon"');
    expect(found.get("AFFINITY_SECRET")?.value).toBe("absent");
    for (const { expected } of problems) expect(expected).not.toBe("");
  });

  it("says that nothing is served when neither ORIGINS nor POOLS is there", ({ expect }) => {
    expect(problemsOf({})).toMatchObject([{ path: "ORIGINS", value: "absent" }]);
    expect(problemsOf({ POOLS: [] })).toMatchObject([{ path: "POOLS", value: "[]" }]);
    expect(problemsOf({ ORIGINS: [] })).toMatchObject([{ path: "ORIGINS" }]);
  });

  it("names the entry of ORIGINS or AFFINITY that is wrong", ({ expect }) => {
    expect(
      problemsOf({ ORIGINS: ["https://app-1.example.com", "app-2"], AFFINITY: ["ip", "tea"] }),
    ).toMatchObject([
      { path: "ORIGINS[1]", value: '"app-2"' },
      { path: "AFFINITY[1]", value: '"tea"' },
    ]);
  });

  it.for(["ORIGINS", "AFFINITY"])("refuses %s beside POOLS", (name, { expect }) => {
    const POOLS = [{ name: "shop", origins: [{ url: "https://app-1.example.com" }] }];
    const value = name === "ORIGINS" ? ONE_ORIGIN : "cookie";
    expect(problemsOf({ POOLS, [name]: value })).toMatchObject([
      { path: name, expected: expect.stringContaining("absent") },
    ]);
  });

  it.for(["SESSION_MAP", "POOL_STATE"])("misses the binding %s", (name, { expect }) => {
    expect(problemsOf({ ORIGINS: ONE_ORIGIN, [name]: undefined })).toMatchObject([
      { path: name, value: "absent" },
    ]);
  });

  it("refuses two pools, two origins, two routes or two rules of one name", ({ expect }) => {
    const origins = [{ url: "https://app-1.example.com" }];
    expect(
      problemsOf({
        POOLS: [
          { name: "shop", origins },
          { name: "shop", origins },
        ],
      }),
    ).toMatchObject([{ path: "POOLS[1].name", value: '"shop"' }]);
    const twice = [
      { name: "a", url: "https://app-1.example.com", route: "r1" },
      { name: "a", url: "https://app-2.example.com", route: "r2" },
      { name: "b", url: "https://app-3.example.com", route: "r1" },
    ];
    expect(poolProblems({ origins: twice })).toMatchObject([
      { path: "origins[1]", value: '"a"' },
      { path: "origins[2]", value: '"r1"' },
    ]);
    expect(poolProblems({ affinity: ["ip", { by: "ip", pin: "hash" }] })).toMatchObject([
      { path: "affinity[1]" },
    ]);
  });
});

describe("unknown settings", () => {
  it.for([
    [{ sticky: true }, "sticky"],
    [{ origins: [{ url: "https://a.example", wieght: 2 }] }, "origins[0].wieght"],
    [{ sessions: { timeout: "5m" } }, "sessions.timeout"],
    [{ failover: { retry: 1 } }, "failover.retry"],
    [{ health: { uri: "/" } }, "health.uri"],
    [{ health: { passive: { fails: 3 } } }, "health.passive.fails"],
    [{ drain: { after: "5m" } }, "drain.after"],
    [{ affinity: [{ by: "cookie", name: "x" }] }, "affinity[0].name"],
    [{ affinity: [{ by: "cookie", cookie: { httponly: true } }] }, "affinity[0].cookie.httponly"],
    [{ client_ip: { header: "x-forwarded-for", trusted: [], depth: 1 } }, "client_ip.depth"],
  ] as const)("refuses %j by name", ([settings, path], { expect }) => {
    expect(poolProblems(settings)).toMatchObject([
      { path, expected: expect.stringContaining("no such setting") },
    ]);
  });
});

it("tells all unknown settings of a table at once", ({ expect }) => {
  const pool = { sticky: true, balanse: "hash", sessions: { timeout: "5m", ttll: "1h" } };
  expect(
    poolProblems(pool)
      .map(({ path }) => path)
      .toSorted(),
  ).toEqual(["balanse", "sessions.timeout", "sessions.ttll", "sticky"]);
});

describe("a setting of an object's prototype", () => {
  it.for(["constructor", "prototype", "__proto__"])("is refused: %s", (name, { expect }) => {
    const pool = `{ "name": "a", "origins": [{ "url": "https://a.example" }], "${name}": 1 }`;
    const inOrigin = `{ "name": "a", "origins": [{ "url": "https://a.example", "${name}": {} }] }`;
    expect(problemsOf({ POOLS: `[${pool}]` })).toMatchObject([{ path: "POOLS[0]" }]);
    expect(problemsOf({ POOLS: `[${inOrigin}]` })).toMatchObject([{ path: "POOLS[0].origins[0]" }]);
  });
});

describe("settings that don't go together", () => {
  it.for([
    [{ sessions: { idle: "1m", lease: "31s" } }, "sessions.lease"],
    [{ sessions: { record: "never", lease: "0s" } }, "sessions"],
    [{ sessions: { record: "never", idle: "1s" } }, "sessions"],
    [{ sessions: { lease: "500ms" } }, "sessions.lease"],
    [{ sessions: { store: "kv", idle: "59s" } }, "sessions.idle"],
    [{ sessions: { shards: 16, shards_before: [16] } }, "sessions.shards_before"],
    [{ sessions: { ttl: "999ms" } }, "sessions.ttl"],
    [{ health: { interval: "999ms" } }, "health.interval"],
    [{ health: { passive: { eject: "0s" } } }, "health.passive.eject"],
    [{ drain: { deadline: "0s" } }, "drain.deadline"],
    [{ failover: { timeout: "99ms" } }, "failover.timeout"],
    [{ health: { timeout: "99ms" } }, "health.timeout"],
    [{ origins: [] }, "origins"],
    [{ origins: [{ name: "app-1" }] }, "origins[0]"],
    [{ origins: [{ url: "https://a.example?x=1" }] }, "origins[0].url"],
    [{ origins: [{ binding: "NOT_BOUND" }] }, "origins[0].binding"],
    [{ affinity: [{ by: "path" }] }, "affinity[0]"],
    [{ affinity: [{ by: "path", pattern: "/:a", matrix: "b" }] }, "affinity[0]"],
    [{ affinity: ["path:/rooms/*"] }, "affinity[0].pattern"],
    [{ affinity: ["path:/rooms/(.*)"] }, "affinity[0].pattern"],
    [{ affinity: [{ by: "ip", pin: "cookie" }] }, "affinity[0].pin"],
    [{ affinity: [{ by: "query", name: "sid", pin: "embed" }] }, "affinity[0].pin"],
    [{ affinity: [{ by: "app-cookie", name: "SID", cookie: {} }] }, "affinity[0]"],
    [{ affinity: [{ by: "tea" }] }, "affinity[0].by"],
    [
      { affinity: [{ by: "cookie", cookie: { name: "__Host-a", domain: "a.example" } }] },
      "affinity[0].cookie",
    ],
    [
      { affinity: [{ by: "cookie", cookie: { same_site: "None", secure: false } }] },
      "affinity[0].cookie",
    ],
  ] as const)("refuses %j", ([settings, path], { expect }) => {
    const paths = poolProblems(settings).map((problem) => problem.path);
    expect(paths).toHaveLength(1);
    expect(paths[0]?.startsWith(path), paths[0]).toBe(true);
  });

  it.for(["headers", "querys", "app-cookies", "header", "header:", "query:", "cookie:a", "ip:4"])(
    "refuses the shorthand %j",
    (shorthand, { expect }) => {
      expect(problemsOf({ ORIGINS: ONE_ORIGIN, AFFINITY: shorthand })).not.toEqual([]);
    },
  );
});

describe("a path pattern", () => {
  // A URLPattern becomes a regular expression, and a client chooses the path that it is tried on.
  it.for([
    "/:a-:b",
    "/:a-:b-:c",
    "/:room*",
    "/:room+",
    "/{:room}*",
    "/{x:room}+",
    "/:a/{b}*",
    "/:room/*/x/*",
    "/*:room",
    "/**/:room",
    "/:a/(\\d+)",
    "/:räume",
  ])("%s is refused: its time could run away", (pattern, { expect }) => {
    expect(poolProblems({ affinity: [`path:${pattern}`] })).toMatchObject([
      { path: "affinity[0].pattern", expected: expect.stringContaining("URLPattern path") },
    ]);
  });

  it.for([
    "/:room",
    "/rooms/:room/*",
    "/*/rooms/:room",
    "/v1/:tenant/users/:user.json",
    "/:a/:b/:c/:d",
    "/time\\:zone/:city",
    "/a\\+b\\*\\{/:room",
  ])("%s is taken", (pattern, { expect }) => {
    expect(poolProblems({ affinity: [`path:${pattern}`] })).toEqual([]);
  });
});

describe("an origin without a name", () => {
  it.for(["http://[::]", "https://-", "http://..."])(
    "needs one where %s gives none",
    (url, { expect }) => {
      expect(poolProblems({ origins: [{ url }] })).toMatchObject([{ path: "origins[0].name" }]);
      expect(poolProblems({ origins: [{ url, name: "app-1" }] })).toEqual([]);
    },
  );
});

describe("a value that JSON can't show", () => {
  it("is told by its kind", ({ expect }) => {
    const circle: unknown[] = [];
    circle.push(circle);
    const shown = [circle, 1n].map((name) => poolProblems({ name })[0]?.value);
    expect(shown).toEqual(["object", "bigint"]);
  });
});

describe("secrets", () => {
  it("are never quoted, however wrong they are", ({ expect }) => {
    const short = "pssst-too-short";
    for (const env of [
      { AFFINITY_SECRET: short, ADMIN_TOKEN: short.slice(0, 8) },
      { AFFINITY_SECRET: `${SECRET},${short}`, ADMIN_TOKEN: 12345678 },
      { AFFINITY_SECRET: [short, SECRET], ADMIN_TOKEN: { token: short } },
    ]) {
      const problems = problemsOf({ ORIGINS: ONE_ORIGIN, ...env });
      expect(problems.map(({ path }) => path).sort()).toEqual(["ADMIN_TOKEN", "AFFINITY_SECRET"]);
      expect(JSON.stringify(problems)).not.toMatch(/pssst|a-secret-of|12345678/);
    }
  });

  it("in an origin's URL are not quoted either", ({ expect }) => {
    const url = "https://user:pssst@app-1.example.com";
    for (const env of [{ ORIGINS: [url] }, { POOLS: [{ name: "shop", origins: [{ url }] }] }]) {
      const problems = problemsOf(env);
      expect(problems).toHaveLength(1);
      expect(JSON.stringify(problems)).not.toContain("pssst");
    }
  });

  it("must be 32 bytes long, each of them while rotating", ({ expect }) => {
    const reading = (AFFINITY_SECRET: string) =>
      problemsOf({ ORIGINS: ONE_ORIGIN, AFFINITY_SECRET });
    expect(reading("x".repeat(32))).toEqual([]);
    expect(reading("x".repeat(31))).toHaveLength(1);
    expect(reading("ä".repeat(16))).toEqual([]);
    expect(reading(`${"x".repeat(32)},`)).toHaveLength(1);
    expect(reading("")).toHaveLength(1);
  });

  it("are asked for by name when nothing at all is bound", ({ expect }) => {
    const reading = readConfig({});
    expect(reading.ok ? [] : reading.problems.map(({ path }) => path)).toEqual([
      "AFFINITY_SECRET",
      "ORIGINS",
      "SESSION_MAP",
      "POOL_STATE",
    ]);
  });
});
