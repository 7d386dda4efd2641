import { describe, it } from "vitest";

import { clientKey, makeBursts } from "../../../src/balancing/bursts.ts";
import { arrivalOf } from "../fixtures.ts";

const NOW = 1_790_000_000_000;

describe("the first requests of a new client", () => {
  it("go where the first one went, for two seconds", ({ expect }) => {
    const bursts = makeBursts();
    expect(bursts.recent("client", NOW)).toBeNull();
    bursts.note("client", "app-1", NOW);
    expect(bursts.recent("client", NOW)).toBe("app-1");
    expect(bursts.recent("client", NOW + 1_999)).toBe("app-1");
    expect(bursts.recent("client", NOW + 2_000)).toBeNull();
  });

  it("are told from those of other clients", ({ expect }) => {
    const bursts = makeBursts();
    bursts.note("client", "app-1", NOW);
    bursts.note("other", "app-2", NOW);
    expect(bursts.recent("client", NOW)).toBe("app-1");
    expect(bursts.recent("third", NOW)).toBeNull();
  });

  it("are not remembered for a client without an address", ({ expect }) => {
    const bursts = makeBursts();
    bursts.note(null, "app-1", NOW);
    expect(bursts.recent(null, NOW)).toBeNull();
  });

  it("don't count when the clock has gone back", ({ expect }) => {
    const bursts = makeBursts();
    bursts.note("client", "app-1", NOW);
    expect(bursts.recent("client", NOW - 1)).toBeNull();
  });

  it("are forgotten when too many others came since", ({ expect }) => {
    const bursts = makeBursts();
    bursts.note("client", "app-1", NOW);
    for (let at = 0; at < 20_000; at += 1) bursts.note(`other-${at}`, "app-2", NOW);
    expect(bursts.recent("client", NOW)).toBeNull();
    expect(bursts.recent("other-19999", NOW)).toBe("app-2");
  });
});

describe("a client", () => {
  const key = (ip: string | null, agent?: string) =>
    clientKey(arrivalOf("https://a.example/", agent ? { "user-agent": agent } : {}), ip);

  it("is an address and a user agent", ({ expect }) => {
    expect(key("203.0.113.7", "curl")).toBe(key("203.0.113.7", "curl"));
    expect(key("203.0.113.7", "curl")).not.toBe(key("203.0.113.7", "wget"));
    expect(key("203.0.113.7", "curl")).not.toBe(key("203.0.113.8", "curl"));
    expect(key("203.0.113.7")).not.toBeNull();
    expect(key(null, "curl")).toBeNull();
  });
});
