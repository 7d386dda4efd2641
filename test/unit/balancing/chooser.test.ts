import { describe, it } from "vitest";

import { makeBalancer } from "../../../src/balancing/balancer.ts";
import { makeBursts } from "../../../src/balancing/bursts.ts";
import { chooser } from "../../../src/balancing/chooser.ts";
import { snapshot } from "../../../src/pools/usable.ts";
import { arrivalOf, makePool } from "../fixtures.ts";
import { viewOf } from "../pools/fixtures.ts";

const pool = makePool();
const seen = snapshot(pool, viewOf(), new Map(), 0);
const arrival = arrivalOf("https://shop.example.com/", { "user-agent": "a browser" });
const NEW = { avoid: null, key: null };

function makeChoose(ip: string | null) {
  const parts = { balancer: makeBalancer("round-robin", () => 0), bursts: makeBursts() };
  const choose = chooser(parts, seen, arrival, () => ip);
  return (wish: Parameters<typeof choose>[0]) => choose(wish)?.origin.name;
}

const times = (count: number, ask: () => string | undefined) =>
  new Set(Array.from({ length: count }, ask));

describe("a choice", () => {
  it("is one for a new client's first requests, and turns for clients without an address", ({
    expect,
  }) => {
    const known = makeChoose("203.0.113.7");
    expect(times(6, () => known(NEW)).size).toBe(1);
    const unknown = makeChoose(null);
    expect(times(6, () => unknown(NEW)).size).toBe(3);
  });

  it("by key or away from a lost origin is no part of a burst, and begins none", ({ expect }) => {
    const choose = makeChoose("203.0.113.7");
    const lost = seen.standings.get("app-1")!;
    const keys = Array.from({ length: 40 }, (_, at) => choose({ avoid: null, key: `key-${at}` }));
    expect(new Set(keys).size).toBe(3);
    expect(choose({ avoid: lost, key: null })).not.toBe("app-1");
    const first = choose(NEW)!;
    expect(choose({ avoid: seen.standings.get(first)!, key: null })).not.toBe(first);
    expect(choose(NEW)).toBe(first);
  });
});
