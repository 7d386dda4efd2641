import * as fc from "fast-check";
import { describe, it } from "vitest";

import { makePool } from "../fixtures.ts";
import { rowOf, viewOf } from "./fixtures.ts";
import { snapshot, withoutOrigin } from "../../../src/pools/usable.ts";

const NOW = 1_790_000_000_000;

const one = fc.record({
  state: fc.constantFrom("active", "draining", "disabled"),
  weight: fc.constantFrom(0, 1, 5),
  tier: fc.constantFrom(0, 1),
  max_sessions: fc.constantFrom(1, 10, null),
});
const row = fc.record({
  state: fc.constantFrom("active", "draining", "disabled", null),
  weight: fc.constantFrom(0, 3, null),
  probe: fc.constantFrom("up", "down"),
  ejected_until: fc.constantFrom(0, NOW, NOW + 1),
  drained: fc.constantFrom(0, 1),
});
const origins = fc.array(fc.tuple(one, row, fc.constantFrom(0, 1, 10)), {
  minLength: 1,
  maxLength: 6,
});

type Given = typeof origins extends fc.Arbitrary<infer T> ? T : never;

function see(given: Given) {
  const pool = makePool({
    origins: given.map(([settings], at) => ({
      name: `app-${at}`,
      url: `https://app-${at}.example.com`,
      ...settings,
    })),
  });
  const view = viewOf({
    origins: given.map(([, of], at) => rowOf(`app-${at}`, of)),
    counts: new Map(given.map(([, , count], at) => [`app-${at}`, count])),
  });
  return snapshot(pool, view, new Map(), NOW);
}

describe("in whatever state a pool is", () => {
  it("nobody takes a session who is down, disabled, or of another tier than the rest", ({
    expect,
  }) => {
    fc.assert(
      fc.property(origins, (given) => {
        const { takers } = see(given);
        for (const { health, state } of takers) {
          expect(health).toBe("up");
          expect(state).not.toBe("disabled");
        }
        expect(new Set(takers.map(({ origin }) => origin.tier)).size).toBeLessThanOrEqual(1);
        // Draining ones are there only if there is nobody else.
        expect(new Set(takers.map(({ state }) => state)).size).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("an active taker has room, a weight, and may keep what it takes", ({ expect }) => {
    fc.assert(
      fc.property(origins, (given) => {
        for (const taker of see(given).takers) {
          expect(taker.weight).toBeGreaterThan(0);
          if (taker.state !== "active") continue;
          expect(taker.sessions).toBeLessThan(taker.origin.maxSessions);
          expect(taker.keep).toBe(true);
        }
      }),
    );
  });

  it("somebody takes sessions as long as anybody is up, not disabled and not full", ({
    expect,
  }) => {
    fc.assert(
      fc.property(origins, (given) => {
        const { standings, takers } = see(given);
        const isAble = [...standings.values()].some(
          ({ health, state, sessions, origin }) =>
            health === "up" && state !== "disabled" && sessions < origin.maxSessions,
        );
        if (isAble) expect(takers.length).toBeGreaterThan(0);
      }),
    );
  });

  it("without those that failed, the others are as before, and none of the failed is left", ({
    expect,
  }) => {
    fc.assert(
      fc.property(origins, fc.array(fc.nat({ max: 5 })), (given, failed) => {
        const before = see(given);
        const names = failed.map((at) => `app-${at}`);
        const after = names.reduce(withoutOrigin, before);
        expect(after.standings.size).toBe(before.standings.size);
        for (const { origin } of after.takers) expect(names).not.toContain(origin.name);
        for (const [name, standing] of after.standings) {
          if (names.includes(name)) expect(standing).toMatchObject({ keep: false, health: "down" });
          else expect(standing).toBe(before.standings.get(name));
        }
      }),
    );
  });
});

describe("an origin whose drain has ended", () => {
  const drained = { state: "draining", drained: 1 } as const;

  it("keeps no session, and takes none while there is another", ({ expect }) => {
    const view = viewOf({ origins: [rowOf("app-1", drained)] });
    const seen = snapshot(makePool(), view, new Map(), NOW);
    expect(seen.standings.get("app-1")).toMatchObject({ keep: false, lost: "drained" });
    expect(seen.takers.map(({ origin }) => origin.name)).toEqual(["app-2", "app-3"]);
  });

  it("takes sessions when there is nobody else", ({ expect }) => {
    const view = viewOf({
      origins: [
        rowOf("app-1", drained),
        ...["app-2", "app-3"].map((name) => rowOf(name, { probe: "down" })),
      ],
    });
    const seen = snapshot(makePool(), view, new Map(), NOW);
    expect(seen.takers.map(({ origin }) => origin.name)).toEqual(["app-1"]);
  });
});
