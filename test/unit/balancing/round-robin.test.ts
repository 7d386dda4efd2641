import * as fc from "fast-check";
import { describe, it } from "vitest";

import { roundRobin, type RoundRobin } from "../../../src/balancing/round-robin.ts";
import { tally } from "../fixtures.ts";

interface Item {
  readonly name: string;
  readonly weight: number;
}

const turns = (random = 0): RoundRobin<Item> => roundRobin<Item>(({ name }) => name, random);
const itemsOf = (weights: readonly number[]): Item[] =>
  weights.map((weight, at) => ({ name: `app-${at}`, weight }));

function picks(robin: RoundRobin<Item>, list: readonly Item[], count: number): string[] {
  return Array.from({ length: count }, () => robin.next(list)?.name ?? "nobody");
}

const weights = fc
  .array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 8 })
  .filter((list) => list.some((weight) => weight > 0));
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe("round robin", () => {
  it("picks each exactly its weight's times, over any run of the weights' sum", ({ expect }) => {
    fc.assert(
      fc.property(weights, random, fc.nat({ max: 100 }), (list, start, offset) => {
        const items = itemsOf(list);
        const total = list.reduce((sum, weight) => sum + weight, 0);
        const robin = turns(start);
        picks(robin, items, offset);
        const expected = Object.fromEntries(
          items.filter(({ weight }) => weight > 0).map(({ name, weight }) => [name, weight]),
        );
        for (let run = 0; run < 3; run += 1) {
          expect(tally(picks(robin, items, total))).toEqual(expected);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("spreads the turns of a heavy one, as nginx does", ({ expect }) => {
    expect(picks(turns(), itemsOf([5, 1, 1]), 7).map((name) => name.slice(4))).toEqual([
      ..."0010200",
    ]);
  });

  it("starts anywhere, so that many isolates do not all start with the first", ({ expect }) => {
    const firsts = Array.from({ length: 40 }, (_, at) =>
      turns(at / 40).next(itemsOf([1, 1, 1, 1])),
    );
    expect(tally(firsts.map((item) => item?.name ?? ""))).toEqual({
      "app-0": 10,
      "app-1": 10,
      "app-2": 10,
      "app-3": 10,
    });
  });

  it("never picks what has no weight, nor what is not in the list", ({ expect }) => {
    const robin = turns(0.5);
    const [first, second, third] = itemsOf([1, 0, 3]) as [Item, Item, Item];
    expect(picks(robin, [first, second, third], 40)).not.toContain("app-1");
    expect(picks(robin, [first, second], 10)).toEqual(Array(10).fill("app-0"));
    expect(robin.next([])).toBeNull();
  });

  it("is fair again when one has been away", ({ expect }) => {
    fc.assert(
      fc.property(random, fc.integer({ min: 1, max: 1_000 }), (start, away) => {
        const items = itemsOf([1, 1, 1, 1]);
        const robin = turns(start);
        picks(robin, items, 10);
        const others = tally(picks(robin, items.slice(1), 3 * away));
        const all = tally(picks(robin, items, 40));
        for (const { name } of items.slice(1)) {
          expect(Math.abs((others[name] ?? 0) - away)).toBeLessThanOrEqual(1);
        }
        for (const { name } of items) {
          expect(Math.abs((all[name] ?? 0) - 10)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});
