import * as fc from "fast-check";
import { describe, it } from "vitest";

import { lessLoaded } from "../../../src/balancing/least-sessions.ts";
import { nearestOf } from "../../../src/balancing/nearest.ts";
import { withinBounds } from "../../../src/balancing/rendezvous.ts";
import { weightedRandom } from "../../../src/balancing/weighted-random.ts";
import { tally } from "../fixtures.ts";
import { numbers, standingOf } from "./fixtures.ts";

interface Item {
  readonly name: string;
  readonly weight: number;
  readonly load: number;
}

const itemsOf = (weights: readonly number[], loads: readonly number[] = []): Item[] =>
  weights.map((weight, at) => ({ name: `app-${at}`, weight, load: loads[at] ?? 0 }));

const weights = fc
  .array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 8 })
  .filter((list) => list.some((weight) => weight > 0));
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe("a weighted draw", () => {
  it("gives each its weight's share", ({ expect }) => {
    const items = itemsOf([1, 2, 5, 0]);
    const names = Array.from({ length: 8_000 }, (_, at) => weightedRandom(items, at / 8_000)?.name);
    expect(tally(names.map(String))).toEqual({ "app-0": 1_000, "app-1": 2_000, "app-2": 5_000 });
  });

  it("never finds one without weight, whatever is drawn", ({ expect }) => {
    fc.assert(
      fc.property(weights, chance, (list, random) => {
        expect(weightedRandom(itemsOf(list), random)?.weight).toBeGreaterThan(0);
      }),
    );
  });

  it("finds nobody in an empty list", ({ expect }) => {
    expect(weightedRandom([], 0.5)).toBeNull();
  });
});

describe("of two draws, the one with fewer sessions", () => {
  const loadOf = ({ load }: Item) => load;

  it("is the less loaded of two, for its weight", ({ expect }) => {
    const random = numbers();
    for (let time = 0; time < 50; time += 1) {
      expect(lessLoaded(itemsOf([1, 1], [5, 4]), loadOf, random)?.name).toBe("app-1");
      expect(lessLoaded(itemsOf([4, 1], [15, 4]), loadOf, random)?.name).toBe("app-0");
    }
  });

  it("is never the most loaded of all", ({ expect }) => {
    const loads = fc.uniqueArray(fc.nat({ max: 1_000 }), { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(loads, fc.integer(), (list, seed) => {
        const items = itemsOf(
          list.map(() => 1),
          list,
        );
        expect(lessLoaded(items, loadOf, numbers(seed))?.load).toBeLessThan(Math.max(...list));
      }),
    );
  });

  it("fills up an empty one, and keeps loads even", ({ expect }) => {
    const loads = new Map([
      ["app-0", 300],
      ["app-1", 300],
      ["app-2", 0],
    ]);
    const random = numbers();
    const items = itemsOf([1, 1, 1]);
    for (let time = 0; time < 900; time += 1) {
      const picked = lessLoaded(items, ({ name }) => loads.get(name) ?? 0, random);
      if (picked) loads.set(picked.name, (loads.get(picked.name) ?? 0) + 1);
    }
    const [least, , most] = [...loads.values()].toSorted((one, other) => one - other);
    expect(most! - least!).toBeLessThan(25);
  });

  it("is the only one, or nobody", ({ expect }) => {
    expect(lessLoaded(itemsOf([1], [9]), loadOf, numbers())?.name).toBe("app-0");
    expect(lessLoaded([], loadOf, numbers())).toBeNull();
  });
});

describe("the nearest", () => {
  const regions = (name: string, ...list: string[]) => standingOf(name, { of: { regions: list } });
  const list = [
    regions("zrh", "ZRH"),
    regions("ch", "CH"),
    regions("eu", "EU"),
    regions("us", "US", "NA"),
    regions("any"),
  ];
  const near = (entry: unknown, among = list) =>
    nearestOf(among, entry).map(({ origin }) => origin.name);

  it.for([
    [{ colo: "ZRH", country: "CH", continent: "EU" }, "zrh"],
    [{ colo: "GVA", country: "CH", continent: "EU" }, "ch"],
    [{ colo: "FRA", country: "DE", continent: "EU" }, "eu"],
    [{ colo: "YYZ", country: "CA", continent: "NA" }, "us"],
    [{ colo: "NRT", country: "JP", continent: "AS" }, "any"],
    [{ country: "ch" }, "ch"],
    [{}, "any"],
    [undefined, "any"],
    [{ colo: 5, country: null }, "any"],
  ] as const)("to %j is %s", ([entry, name], { expect }) => {
    expect(near(entry)).toEqual([name]);
  });

  it("are all that are equally near", ({ expect }) => {
    const two = [regions("a", "EU"), regions("b", "EU", "NA"), regions("c", "NA")];
    expect(near({ continent: "EU" }, two)).toEqual(["a", "b"]);
  });

  it("are all, when nobody is near", ({ expect }) => {
    const far = [regions("a", "EU"), regions("b", "NA")];
    expect(near({ continent: "AS" }, far)).toEqual(["a", "b"]);
    expect(near({ continent: "AS" }, [])).toEqual([]);
  });
});

describe("the bound of a hash", () => {
  const load = ({ load }: Item) => load;
  const loads = fc.array(fc.nat({ max: 100 }), { minLength: 1, maxLength: 8 });

  it("always leaves somebody, and nobody above 1.25 of the fair share", ({ expect }) => {
    fc.assert(
      fc.property(loads, (list) => {
        const items = itemsOf(
          list.map(() => 1),
          list,
        );
        const open = withinBounds(items, load);
        const fair = (list.reduce((sum, one) => sum + one, 0) + 1) / list.length;
        expect(open.length).toBeGreaterThan(0);
        for (const one of open) expect(one.load).toBeLessThan(Math.ceil(1.25 * fair));
      }),
    );
  });

  it("is higher for a heavier one", ({ expect }) => {
    const items = itemsOf([3, 1], [60, 40]);
    expect(withinBounds(items, load).map(({ name }) => name)).toEqual(["app-0"]);
  });
});
