import { describe, it } from "vitest";

import { drainShare, fairShares, trafficOf } from "../../../src/admin/dashboard/share.ts";
import { agoText, percentText, plural, spanText } from "../../../src/admin/dashboard/words.ts";
import type { OriginView } from "../../../src/admin/schemas.ts";

function origin(name: string, settings: Partial<OriginView> = {}): OriginView {
  return {
    name,
    state: "active",
    health: "up",
    weight: 1,
    tier: 0,
    sessions: 0,
    generation: 1,
    etag: "v1",
    drain: null,
    ...settings,
  };
}

describe("the fair share", () => {
  it("is by weight, of all sessions of the pool", ({ expect }) => {
    const shares = fairShares([
      origin("app-1", { weight: 2, sessions: 10 }),
      origin("app-2", { sessions: 80 }),
    ]);
    expect([...shares]).toEqual([
      ["app-1", 60],
      ["app-2", 30],
    ]);
  });

  it("is that of those which take new sessions: not draining, disabled, down or of a later tier", ({
    expect,
  }) => {
    const shares = fairShares([
      origin("app-1", { sessions: 3 }),
      origin("app-2", { state: "draining", sessions: 9 }),
      origin("app-3", { health: "down" }),
      origin("app-4", { state: "disabled" }),
      origin("spare", { tier: 1 }),
    ]);
    expect([...shares]).toEqual([["app-1", 12]]);
  });

  it("falls to the next tier when the first is gone, and to nobody when all are", ({ expect }) => {
    const gone = origin("app-1", { health: "down", sessions: 4 });
    expect([...fairShares([gone, origin("spare", { tier: 1 })])]).toEqual([["spare", 4]]);
    expect([...fairShares([gone])]).toEqual([]);
    expect([...fairShares([])]).toEqual([]);
  });
});

describe("the traffic of the last minutes", () => {
  const NOW = 1_800_000_030_000;
  const minute = (ago: number, requests: number, errors = 0) => ({
    at: 1_800_000_000_000 - ago * 60_000,
    outcomes: {},
    origins: { "app-1": { sessions: 0, requests, errors } },
  });

  it("is the running minute and those before it, and no older ones", ({ expect }) => {
    const history = [minute(5, 1_000, 1_000), minute(4, 10, 1), minute(1, 20), minute(0, 5, 1)];
    expect(trafficOf(history, NOW, 5).get("app-1")).toEqual({ requests: 35, errors: 2 });
  });

  it("is absent for an origin without any", ({ expect }) => {
    expect(trafficOf([minute(9, 5)], NOW, 5).size).toBe(0);
  });
});

describe("the progress of a drain", () => {
  const drain = { since: "2026-11-23T02:00:00.000Z", deadline: "2026-11-23T02:10:00.000Z" };
  const at = (minutes: number) => Date.parse(drain.since) + minutes * 60_000;

  it("is the share of its time, never less than none or more than all", ({ expect }) => {
    expect([-1, 0, 5, 10, 11].map((minutes) => drainShare(drain, at(minutes)))).toEqual([
      0, 0, 0.5, 1, 1,
    ]);
  });

  it("is unknown for one that has no deadline", ({ expect }) => {
    expect(drainShare({ ...drain, deadline: null }, at(5))).toBeNull();
  });
});

describe("words", () => {
  it.for([
    [0, "0 s"],
    [-5, "0 s"],
    [59_400, "59 s"],
    [59_600, "1 min"],
    [252_000, "4 min 12 s"],
    [3_600_000, "1 h"],
    [7_500_000, "2 h 5 min"],
    [273_600_000, "3 d 4 h"],
  ] as const)("%d ms are %s", ([durationMs, text], { expect }) => {
    expect(spanText(durationMs)).toBe(text);
  });

  it("round to one unit what is long ago", ({ expect }) => {
    expect(agoText(252_000)).toBe("4 min");
  });

  it.for([
    [0, 10, "0 %"],
    [1, 100_000, "< 0.1 %"],
    [1, 200, "0.5 %"],
    [1, 4, "25 %"],
    [99_999, 100_000, "> 99.9 %"],
    [7, 7, "100 %"],
  ] as const)("%d of %d are %s", ([part, whole, text], { expect }) => {
    expect(percentText(part, whole)).toBe(text);
  });

  it("count in the right number", ({ expect }) => {
    expect([0, 1, 1_236].map((count) => plural(count, "session"))).toEqual([
      "0 sessions",
      "1 session",
      "1,236 sessions",
    ]);
  });
});
