import { describe, it } from "vitest";

import { configOf } from "./fixtures.ts";
import type { Pool } from "../../../src/model.ts";

const ORIGIN = { url: "https://app-1.example.com" };

function poolWith(settings: Readonly<Record<string, unknown>>): Pool {
  return configOf({ POOLS: [{ name: "shop", origins: [ORIGIN], ...settings }] }).pools[0]!;
}

describe("sessions", () => {
  it.for([
    ["100ms", null],
    ["1s", 1_000],
    ["1.5s", 1_500],
    ["90s", 90_000],
    ["2h", 7_200_000],
    ["7d", 604_800_000],
    ["8d", null],
    ["30", null],
    ["30 minutes", null],
    ["-5m", null],
    [1800, null],
  ] as const)("idle = %j", ([idle, idleMs], { expect }) => {
    if (idleMs === null) expect(() => poolWith({ sessions: { idle } })).toThrow();
    else expect(poolWith({ sessions: { idle } }).sessions.idleMs).toBe(idleMs);
  });

  it("leases for half of a short idle time, and not at all for less than a second", ({
    expect,
  }) => {
    const leaseOf = (idle: string) => poolWith({ sessions: { idle } }).sessions.leaseMs;
    expect(leaseOf("30s")).toBe(15_000);
    expect(leaseOf("2s")).toBe(1_000);
    expect(leaseOf("1s")).toBe(0);
  });

  it("knows earlier shard counts", ({ expect }) => {
    const sessions = { shards: 64, shards_before: [32, 16] };
    expect(poolWith({ sessions }).sessions).toMatchObject({ shards: 64, shardsBefore: [32, 16] });
  });
});

describe("origins", () => {
  it("treats a weight of 0 as draining", ({ expect }) => {
    const origins = [{ ...ORIGIN, weight: 0 }];
    expect(poolWith({ origins }).origins[0]).toMatchObject({ weight: 0, state: "draining" });
  });

  it("leaves a disabled origin disabled whatever its weight", ({ expect }) => {
    const origins = [{ ...ORIGIN, weight: 0, state: "disabled" }];
    expect(poolWith({ origins }).origins[0]?.state).toBe("disabled");
  });

  it("drops trailing slashes of the base path and folds regions to capitals", ({ expect }) => {
    const origins = [{ url: "HTTPS://App-1.Example.com:443/base//", regions: ["eu", "FRA"] }];
    expect(poolWith({ origins }).origins[0]).toMatchObject({
      url: "https://app-1.example.com/base",
      regions: ["EU", "FRA"],
    });
  });
});

describe("health", () => {
  it.for([
    ["2xx", [[200, 299]]],
    ["200-399", [[200, 399]]],
    [
      [200, 204],
      [
        [200, 200],
        [204, 204],
      ],
    ],
    ["399-200", null],
    ["200", null],
    [[], null],
    [[99], null],
  ] as const)("expect = %j", ([given, ranges], { expect }) => {
    if (ranges === null) expect(() => poolWith({ health: { expect: given } })).toThrow();
    else expect(poolWith({ health: { expect: given } }).health.expect).toEqual(ranges);
  });
});

describe("drain", () => {
  it("lasts until the last session ends with a deadline of none", ({ expect }) => {
    expect(poolWith({ drain: { deadline: "none" } }).drainMs).toBeNull();
    expect(poolWith({ drain: { deadline: "1s" } }).drainMs).toBe(1_000);
  });
});

describe("cookies", () => {
  const settingsOf = (cookie: Readonly<Record<string, unknown>>) =>
    poolWith({ affinity: [{ by: "cookie", cookie }] }).rules[0]!.cookie;

  it("reads every attribute", ({ expect }) => {
    const cookie = {
      name: "route",
      path: "/shop",
      domain: "example.com",
      same_site: "Strict",
      secure: true,
      partitioned: false,
      lifetime: "permanent",
    };
    expect(settingsOf(cookie)).toEqual({
      name: "route",
      path: "/shop",
      domain: "example.com",
      sameSite: "Strict",
      secure: true,
      partitioned: false,
      lifetime: "permanent",
    });
  });

  it("forces Secure with SameSite=None", ({ expect }) => {
    expect(settingsOf({ same_site: "None" })).toMatchObject({ sameSite: "None", secure: true });
  });

  it("forces SameSite=None and Secure when partitioned", ({ expect }) => {
    expect(settingsOf({ partitioned: true })).toMatchObject({
      partitioned: true,
      sameSite: "None",
      secure: true,
    });
  });

  it("takes settings for an app cookie's companion", ({ expect }) => {
    const rule = { by: "app-cookie", name: "SID", pin: "cookie", cookie: { path: "/app" } };
    expect(poolWith({ affinity: [rule] }).rules[0]).toMatchObject({
      pin: "cookie",
      cookie: { path: "/app", sameSite: "Lax" },
    });
  });
});

describe("client_ip", () => {
  it("reads a chain with its trusted proxies", ({ expect }) => {
    const client_ip = { header: "X-Forwarded-For", trusted: ["10.0.0.0/8", "fd00::1"] };
    expect(poolWith({ client_ip }).clientIp).toEqual({
      kind: "chain",
      header: "x-forwarded-for",
      trusted: ["10.0.0.0/8", "fd00::1"],
    });
    expect(poolWith({ client_ip: "True-Client-IP" }).clientIp).toEqual({
      kind: "header",
      header: "true-client-ip",
    });
  });
});
