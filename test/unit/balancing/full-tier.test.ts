import { describe, test } from "vitest";

import { makeBalancer } from "../../../src/balancing/balancer.ts";
import { arrivalOf } from "../fixtures.ts";
import { snapshotOf, standingOf } from "./fixtures.ts";

describe("a tier that this isolate has filled since the last count", () => {
  const first = standingOf("first", { of: { maxSessions: 2 } });
  const draining = standingOf("draining", { state: "draining" });
  const backup = standingOf("backup", { of: { tier: 1 } });
  const last = standingOf("last", { of: { tier: 2 } });
  const snapshot = snapshotOf([first, draining, last, backup], { takers: [first] });
  const wanted = {
    avoid: null,
    key: null,
    isPinned: false,
    arrival: arrivalOf("https://shop.example.com/"),
  };

  test("hands over to the next one, as it does once the count is known", ({ expect }) => {
    const balancer = makeBalancer("round-robin", () => 0);
    const picks = Array.from({ length: 4 }, () => balancer.pick(snapshot, wanted)?.origin.name);
    expect(picks).toEqual(["first", "first", "backup", "backup"]);
  });

  test("leaves nobody when every other one is full, too", ({ expect }) => {
    const only = snapshotOf([first, draining], { takers: [first] });
    const balancer = makeBalancer("least-sessions", () => 0);
    const picks = Array.from({ length: 3 }, () => balancer.pick(only, wanted)?.origin.name);
    expect(picks).toEqual(["first", "first", undefined]);
  });
});
