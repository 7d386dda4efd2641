import * as fc from "fast-check";
import { describe, it } from "vitest";

import { rowOf } from "./fixtures.ts";
import type { Plan, PoolView } from "../../../src/pools/control.ts";
import { transfersFor } from "../../../src/pools/rebalance.ts";

const NOW = 1_790_000_000_000;

interface Given {
  readonly count: number;
  readonly weight: number;
}
type Row = PoolView["origins"][number];

function transfers(given: readonly Given[], share = 1, rows: readonly Row[] = []) {
  const origins = given.map(({ weight }, at) => ({
    name: `app-${at}`,
    url: "",
    binding: null,
    state: "active",
    weight,
  }));
  const rebalance = { idleMs: 300_000, sharePerMinute: share };
  const counts = new Map(given.map(({ count }, at) => [`app-${at}`, count]));
  return transfersFor({ origins, rebalance } as unknown as Plan, [...rows], counts, NOW);
}

/** The counts after what a minute moves. */
function moved(given: readonly Given[], share = 1): Given[] {
  const all = transfers(given, share);
  return given.map(({ count, weight }, at) => ({
    weight,
    count: all.reduce((sum, { from, to, sessions }) => {
      const change = to === `app-${at}` ? sessions : from === `app-${at}` ? -sessions : 0;
      return sum + change;
    }, count),
  }));
}

const sumOf = (list: readonly number[]) => list.reduce((sum, one) => sum + one, 0);
const targets = (given: readonly Given[]) => {
  const total = sumOf(given.map(({ count }) => count));
  const weights = sumOf(given.map(({ weight }) => weight));
  return given.map(({ weight }) => (total * weight) / weights);
};

const pools = fc.array(
  fc.record({ count: fc.nat({ max: 5_000 }), weight: fc.integer({ min: 1, max: 10 }) }),
  { minLength: 2, maxLength: 20 },
);
const even = (...counts: number[]) => counts.map((count) => ({ count, weight: 1 }));
const shares = fc.double({ min: 0.001, max: 1, noNaN: true });

describe("rebalancing", () => {
  it("never moves more than its rate in a minute; of a few sessions, one", ({ expect }) => {
    fc.assert(
      fc.property(pools, shares, (given, share) => {
        const total = sumOf(given.map(({ count }) => count));
        const all = sumOf(transfers(given, share).map(({ sessions }) => sessions));
        expect(all).toBeLessThanOrEqual(Math.max(1, Math.floor(total * share)));
      }),
    );
  });

  it("makes no taker a giver and no giver a taker", ({ expect }) => {
    fc.assert(
      fc.property(pools, shares, (given, share) => {
        const after = moved(given, share);
        for (const [at, target] of targets(given).entries()) {
          const [before, now] = [given[at]!.count, after[at]!.count];
          if (now > before) expect(now).toBeLessThanOrEqual(target);
          if (now < before) expect(now).toBeGreaterThanOrEqual(target);
        }
      }),
    );
  });

  it("keeps every session, and moves whole ones only", ({ expect }) => {
    fc.assert(
      fc.property(pools, shares, (given, share) => {
        const after = moved(given, share);
        expect(sumOf(after.map(({ count }) => count))).toBe(sumOf(given.map((one) => one.count)));
        for (const { sessions, from, to } of transfers(given, share)) {
          expect(Number.isInteger(sessions) && sessions > 0 && from !== to).toBe(true);
        }
      }),
    );
  });

  it("comes within 10 % of what the weights call for, and then rests", ({ expect }) => {
    fc.assert(
      fc.property(pools, (given) => {
        let now: Given[] = [...given];
        for (let minute = 0; minute < 20; minute += 1) now = moved(now);
        expect(transfers(now)).toEqual([]);
        for (const [at, target] of targets(given).entries()) {
          // Whole sessions: up to one for each origin is left over.
          expect(now[at]!.count).toBeLessThanOrEqual(target * 1.1 + given.length);
          expect(now[at]!.count).toBeGreaterThanOrEqual(target * 0.9 - given.length);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("gives a new origin its share, however many share the surplus", ({ expect }) => {
    const given = [
      ...Array.from({ length: 11 }, () => ({ count: 1_000, weight: 1 })),
      { count: 0, weight: 1 },
    ];
    const after = moved(given);
    expect(after[11]!.count).toBeGreaterThanOrEqual(0.9 * (11_000 / 12));
  });

  it("leaves an even pool alone", ({ expect }) => {
    expect(moved(even(105, 95))).toEqual(even(105, 95));
    expect(moved(even(0, 0))).toEqual(even(0, 0));
    expect(transfers([{ count: 900, weight: 1 }])).toEqual([]);
  });

  it.for([
    ["disabled", { state: "disabled" }],
    ["draining", { state: "draining" }],
    ["of weight 0", { weight: 0 }],
    ["down", { probe: "down" }],
    ["ejected", { ejected_until: NOW + 1 }],
  ] as const)("gives nothing to an origin that is %s, and takes nothing", ([, row], { expect }) => {
    const rows = [rowOf("app-1", row)];
    const given = [
      { count: 400, weight: 1 },
      { count: 0, weight: 1 },
      { count: 0, weight: 1 },
    ];
    expect(transfers(given, 1, rows).map(({ to }) => to)).toEqual(["app-2"]);
    const full = given.map((one, at) => ({ ...one, count: at === 1 ? 900 : one.count }));
    expect(transfers(full, 1, rows).map(({ from }) => from)).toEqual(["app-0"]);
  });

  it("pins to the generation that the taker has", ({ expect }) => {
    const rows = [rowOf("app-1", { generation: 4 })];
    const given = [
      { count: 100, weight: 1 },
      { count: 0, weight: 1 },
    ];
    expect(transfers(given, 1, rows)).toEqual([
      { from: "app-0", to: "app-1", generation: 4, sessions: 50 },
    ]);
  });
});
