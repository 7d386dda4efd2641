import { describe, it } from "vitest";

import { configOf, DEFAULT_COOKIE, DEFAULT_POOL, ONE_ORIGIN, SECRET } from "./fixtures.ts";

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
        binding: null,
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
    expect(admin).toEqual({ path: "/__limpet", token: null, access: null });
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
