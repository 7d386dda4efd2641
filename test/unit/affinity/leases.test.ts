import { describe, it } from "vitest";

import { makeLeases, type Recalls } from "../../../src/affinity/leases.ts";

const NOW = 1_790_000_000_000;
const LEASE = 60_000;
const NO_RECALLS: Recalls = { recalled: new Map(), askBefore: 0 };

const leaseOf = (since = NOW, origin = "app-1") => ({
  id: "id",
  origin,
  generation: 1,
  created: since,
  seen: since,
  since,
});

/** Leases of 60 s, one of which began now. */
function holding() {
  const leases = makeLeases(LEASE);
  leases.set("ip", "key", leaseOf());
  return leases;
}

describe("a lease", () => {
  it("is trusted for its time, and not a moment longer", ({ expect }) => {
    const leases = holding();
    expect(leases.get("ip", "key", NOW, NO_RECALLS)).toEqual(leaseOf());
    expect(leases.get("ip", "key", NOW + LEASE - 1, NO_RECALLS)).not.toBeNull();
    expect(leases.get("ip", "key", NOW + LEASE, NO_RECALLS)).toBeNull();
  });

  it("is not trusted by a clock that has gone back", ({ expect }) => {
    expect(holding().get("ip", "key", NOW - 1, NO_RECALLS)).toBeNull();
  });

  it("is of one rule and one key", ({ expect }) => {
    const leases = holding();
    expect(leases.get("query:sid", "key", NOW, NO_RECALLS)).toBeNull();
    expect(leases.get("ip", "other", NOW, NO_RECALLS)).toBeNull();
  });

  it("is void when its session was recalled since it began", ({ expect }) => {
    const leases = holding();
    const recalledAt = (at: number, id = "id") => ({ recalled: new Map([[id, at]]), askBefore: 0 });
    expect(leases.get("ip", "key", NOW + 9, recalledAt(NOW + 5))).toBeNull();
    expect(leases.get("ip", "key", NOW + 9, recalledAt(NOW))).toBeNull();
    expect(leases.get("ip", "key", NOW + 9, recalledAt(NOW - 1))).not.toBeNull();
    expect(leases.get("ip", "key", NOW + 9, recalledAt(NOW + 5, "another"))).not.toBeNull();
  });

  it("is void when everything before some time is to be asked for", ({ expect }) => {
    const leases = holding();
    const asking = (askBefore: number) => ({ recalled: new Map(), askBefore });
    expect(leases.get("ip", "key", NOW + 9, asking(NOW + 1))).toBeNull();
    expect(leases.get("ip", "key", NOW + 9, asking(NOW))).not.toBeNull();
  });

  it("is forgotten when it is dropped, and renewed when it is set again", ({ expect }) => {
    const leases = holding();
    leases.set("ip", "key", leaseOf(NOW + 10_000, "app-2"));
    expect(leases.get("ip", "key", NOW + LEASE, NO_RECALLS)).toMatchObject({ origin: "app-2" });
    leases.drop("ip", "key");
    expect(leases.get("ip", "key", NOW + 10_000, NO_RECALLS)).toBeNull();
    expect(leases.last("ip", "key")).toBeNull();
  });

  it("tells where the session was last, after its end too", ({ expect }) => {
    const leases = holding();
    leases.get("ip", "key", NOW + 10 * LEASE, NO_RECALLS);
    expect(leases.last("ip", "key")).toBe("app-1");
    expect(leases.last("ip", "other")).toBeNull();
  });

  it("of no time is none", ({ expect }) => {
    const leases = makeLeases(0);
    leases.set("ip", "key", leaseOf());
    expect(leases.get("ip", "key", NOW, NO_RECALLS)).toBeNull();
  });

  it("is held for no key that is very long, and for no endless number of them", ({ expect }) => {
    const leases = holding();
    leases.set("ip", "x".repeat(10_000), leaseOf());
    expect(leases.get("ip", "x".repeat(10_000), NOW, NO_RECALLS)).toBeNull();
    for (let at = 0; at < 50_000; at += 1) leases.set("ip", `key-${at}`, leaseOf());
    expect(leases.get("ip", "key", NOW, NO_RECALLS)).toBeNull();
    expect(leases.get("ip", "key-49999", NOW, NO_RECALLS)).not.toBeNull();
  });
});

describe("a claim to renew", () => {
  it("is the first one's, for half a lease", ({ expect }) => {
    const leases = holding();
    expect(leases.claim("ip", "key", NOW)).toBe(true);
    expect(leases.claim("ip", "key", NOW + LEASE / 2 - 1)).toBe(false);
    expect(leases.claim("ip", "other", NOW)).toBe(true);
    expect(leases.claim("query:sid", "key", NOW)).toBe(true);
    expect(leases.claim("ip", "key", NOW + LEASE / 2)).toBe(true);
  });

  it("is free again when the clock has gone back", ({ expect }) => {
    const leases = holding();
    leases.claim("ip", "key", NOW);
    expect(leases.claim("ip", "key", NOW - 1)).toBe(true);
  });
});
