import * as fc from "fast-check";
import { describe, it } from "vitest";

import { makeBalancer, type Wanted } from "../../../src/balancing/balancer.ts";
import type { BalanceName, Snapshot, Standing } from "../../../src/model.ts";
import { arrivalOf, keysNumbered, tally } from "../fixtures.ts";
import { numbers, snapshotOf, standingOf } from "./fixtures.ts";

const POLICIES = [
  "round-robin",
  "weighted-random",
  "least-sessions",
  "hash",
  "nearest",
] as const satisfies BalanceName[];

const ARRIVAL = arrivalOf("https://shop.example.com/cart");

function picking(policy: BalanceName, seed = 1) {
  const balancer = makeBalancer(policy, numbers(seed));
  return (snapshot: Snapshot, wanted: Partial<Wanted> = {}): string =>
    balancer.pick(snapshot, {
      avoid: null,
      key: null,
      isPinned: false,
      arrival: ARRIVAL,
      ...wanted,
    })?.origin.name ?? "nobody";
}

const times = (count: number, pick: (at: number) => string) =>
  tally(Array.from({ length: count }, (_, at) => pick(at)));

const standing = fc.record({
  weight: fc.integer({ min: 1, max: 9 }),
  state: fc.constantFrom("active", "draining"),
  keep: fc.boolean(),
  sessions: fc.nat({ max: 10 }),
  of: fc.record({
    version: fc.constantFrom(null, "v1", "v2"),
    maxSessions: fc.constantFrom(5, Infinity),
    tier: fc.constantFrom(0, 1),
  }),
});
const pools = fc
  .array(standing, { maxLength: 6 })
  .map((list) => list.map((given, at) => standingOf(`app-${at}`, given as never)));
const policy = fc.constantFrom(...POLICIES);

describe("every policy", () => {
  it("picks only who may take a session, has room, and is not to be avoided", ({ expect }) => {
    fc.assert(
      fc.property(pools, policy, fc.nat({ max: 5 }), fc.integer(), (list, name, lost, seed) => {
        const snapshot = snapshotOf(list);
        const avoid = list[lost] ?? null;
        const pick = picking(name, seed);
        const able = snapshot.takers
          .filter((one) => one !== avoid && one.sessions < one.origin.maxSessions)
          .map(({ origin }) => origin.name);
        const picked = pick(snapshot, { avoid });
        // With nobody else left, a drained origin may still have to do.
        if (able.length === 0) expect(["nobody", avoid?.origin.name]).toContain(picked);
        else expect(able).toContain(picked);
      }),
      { numRuns: 500 },
    );
  });

  it("prefers the version that a lost session knew, and takes any other without", ({ expect }) => {
    const at = (name: string, version: string | null) => standingOf(name, { of: { version } });
    const lost = at("lost", "v1");
    const list = [at("a", "v2"), at("b", "v1"), at("c", null), at("d", "v1")];
    for (const name of POLICIES) {
      const pick = picking(name);
      for (const key of [null, ...keysNumbered(20)]) {
        expect(["b", "d"]).toContain(pick(snapshotOf([lost, ...list]), { avoid: lost, key }));
        const others = snapshotOf([lost, ...list.filter(({ origin }) => origin.version !== "v1")]);
        expect(["a", "c"]).toContain(pick(others, { avoid: lost, key }));
      }
    }
  });

  it("exceeds no cap by its own picks, before the next count", ({ expect }) => {
    const capped = { sessions: 7, of: { maxSessions: 10 } };
    for (const name of POLICIES) {
      const pick = picking(name);
      const list = [standingOf("a", capped), standingOf("b", capped)];
      const picked = times(8, () => pick(snapshotOf(list, { countsAt: 1 })));
      expect(picked, name).toEqual({ a: 3, b: 3, nobody: 2 });
      expect(pick(snapshotOf(list, { countsAt: 2 })), name).not.toBe("nobody");
    }
  });

  it("gives an origin that has come back a tenth at first, then more, then all", ({ expect }) => {
    const upSince = ARRIVAL.now - 1;
    for (const name of ["round-robin", "weighted-random"] as const) {
      const share = (ageMs: number) => {
        const list = [standingOf("a"), standingOf("b", { upSince: ARRIVAL.now - ageMs })];
        const pick = picking(name);
        return (times(2_000, () => pick(snapshotOf(list)))["b"] ?? 0) / 2_000;
      };
      expect(share(0)).toBeCloseTo(1 / 11, 1);
      expect(share(15_000)).toBeCloseTo(1 / 3, 1);
      expect(share(30_000)).toBeCloseTo(1 / 2, 1);
      expect(share(0)).toBeLessThan(share(15_000));
    }
    const alone = snapshotOf([standingOf("b", { upSince })]);
    for (const name of POLICIES) expect(picking(name)(alone)).toBe("b");
  });
});

describe("with a key", () => {
  it("the choice is the same everywhere, whatever the policy or the draw", ({ expect }) => {
    fc.assert(
      fc.property(pools, fc.string(), policy, policy, fc.boolean(), (list, key, a, b, isPinned) => {
        const snapshot = snapshotOf(list);
        const turned = snapshotOf(list.toReversed());
        const wanted = { key, isPinned };
        expect(picking(a, 1)(snapshot, wanted)).toBe(picking(b, 2)(turned, wanted));
      }),
    );
  });

  it("sessions of a lost origin spread over all others by weight, and no other moves", ({
    expect,
  }) => {
    const list = [
      standingOf("lost"),
      standingOf("a"),
      standingOf("b", { weight: 2 }),
      standingOf("c"),
    ];
    const [lost] = list as [Standing];
    const pick = picking("round-robin");
    const heirs: string[] = [];
    for (const key of keysNumbered(8_000)) {
      const before = pick(snapshotOf(list), { key });
      const after = pick(snapshotOf(list), { key, avoid: lost });
      if (before === "lost") heirs.push(after);
      else expect(after).toBe(before);
    }
    const counts = tally(heirs);
    for (const [name, share] of [
      ["a", 0.25],
      ["b", 0.5],
      ["c", 0.25],
    ] as const) {
      expect(Math.abs((counts[name] ?? 0) / heirs.length - share)).toBeLessThan(0.05);
    }
  });

  it("that is a pin, draining origins count and full ones too, drained ones don't", ({
    expect,
  }) => {
    const list = [
      standingOf("draining", { state: "draining", weight: 0 }),
      standingOf("full", { sessions: 5, of: { maxSessions: 5 } }),
      standingOf("drained", { state: "draining", keep: false, lost: "drained" }),
      standingOf("backup", { of: { tier: 1 } }),
    ];
    const pick = picking("hash");
    const names = keysNumbered(200).map((key) =>
      pick(snapshotOf(list, { takers: [] }), { key, isPinned: true }),
    );
    expect([...new Set(names)].toSorted()).toEqual(["draining", "full"]);
  });
});

describe("balance = hash", () => {
  it("sends one path to one origin, whoever asks and whatever the query", ({ expect }) => {
    const pick = picking("hash");
    const list = ["a", "b", "c", "d"].map((name) => standingOf(name));
    for (const path of keysNumbered(50)) {
      const at = (query: string) => arrivalOf(`https://shop.example.com/${path}${query}`);
      const names = ["", "?a=1", "?b=2"].map((query, countsAt) =>
        pick(snapshotOf(list, { countsAt }), { arrival: at(query) }),
      );
      expect(new Set(names).size).toBe(1);
    }
  });

  it("gives nobody more than 1.25 of the fair share of a hot path", ({ expect }) => {
    const pick = picking("hash");
    const list = ["a", "b", "c", "d"].map((name) => standingOf(name));
    const counts = times(400, () => pick(snapshotOf(list)));
    expect(Math.max(...Object.values(counts))).toBeLessThanOrEqual(126);
  });
});

describe("balance = nearest", () => {
  it("takes turns among the nearest that are usable", ({ expect }) => {
    const pick = picking("nearest");
    const at = (name: string, ...regions: string[]) => standingOf(name, { of: { regions } });
    const list = [at("eu-1", "EU"), at("eu-2", "EU"), at("us", "NA")];
    const request = new Request("https://shop.example.com/", { cf: { continent: "EU" } });
    const arrival = { ...ARRIVAL, request };
    expect(times(10, () => pick(snapshotOf(list), { arrival }))).toEqual({ "eu-1": 5, "eu-2": 5 });
    expect(pick(snapshotOf(list.slice(2)), { arrival })).toBe("us");
  });
});
