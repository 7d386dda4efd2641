import * as fc from "fast-check";
import { describe, it } from "vitest";

import { rendezvous, uniform } from "../../../src/balancing/rendezvous.ts";
import { keysNumbered, tally } from "../fixtures.ts";

interface Item {
  readonly name: string;
  readonly weight: number;
}

const KEYS = keysNumbered(20_000);

const itemsOf = (weights: readonly number[]): Item[] =>
  weights.map((weight, at) => ({ name: `app-${at}.example.com`, weight }));

function pick(list: readonly Item[], key: string): string {
  const item = rendezvous(
    list,
    key,
    ({ name }) => name,
    ({ weight }) => weight,
  );
  return item?.name ?? "nobody";
}

const shares = (list: readonly Item[]) => tally(KEYS.map((key) => pick(list, key)));

describe("rendezvous hashing", () => {
  it("shares 20,000 keys over five equal origins, none above 1.06 of the mean", ({ expect }) => {
    const counts = Object.values(shares(itemsOf([1, 1, 1, 1, 1])));
    expect(counts).toHaveLength(5);
    expect(Math.max(...counts) / 4_000).toBeLessThanOrEqual(1.06);
    expect(Math.min(...counts) / 4_000).toBeGreaterThanOrEqual(0.94);
  });

  it("does so for addresses, numbers and long keys that differ little", ({ expect }) => {
    for (const keyOf of [
      (at: number) => `10.0.${at >> 8}.${at & 255}/32`,
      (at: number) => String(at),
      (at: number) => `${"x".repeat(200)}${at}`,
    ]) {
      const names = Array.from({ length: 20_000 }, (_, at) =>
        pick(itemsOf([1, 1, 1, 1, 1]), keyOf(at)),
      );
      expect(Math.max(...Object.values(tally(names))) / 4_000).toBeLessThanOrEqual(1.06);
    }
  });

  it("shares them by weight", ({ expect }) => {
    const counts = shares(itemsOf([1, 2, 5, 0]));
    expect(counts["app-3.example.com"]).toBeUndefined();
    for (const { name, weight } of itemsOf([1, 2, 5])) {
      expect(Math.abs((counts[name] ?? 0) / KEYS.length - weight / 8)).toBeLessThan(0.012);
    }
  });

  it("moves only the keys of the one that leaves, to all of the others", ({ expect }) => {
    const all = itemsOf([1, 1, 1, 1, 1]);
    const left = all.filter(({ name }) => name !== "app-2.example.com");
    const heirs: string[] = [];
    for (const key of KEYS) {
      const [before, after] = [pick(all, key), pick(left, key)];
      if (before === "app-2.example.com") heirs.push(after);
      else expect(after).toBe(before);
    }
    const counts = Object.values(tally(heirs));
    expect(counts).toHaveLength(4);
    // Noise of a perfect hash at 4,000 keys over 4: 11 % in 99 of 100 draws.
    expect(Math.max(...counts) / (heirs.length / 4)).toBeLessThan(1.12);
  });

  it("moves keys only to the one that comes or gains weight", ({ expect }) => {
    const four = itemsOf([1, 1, 1, 1]);
    const five = itemsOf([1, 1, 1, 1, 1]);
    const heavier = itemsOf([1, 1, 1, 3]);
    for (const key of KEYS) {
      const before = pick(four, key);
      expect([before, "app-4.example.com"]).toContain(pick(five, key));
      expect([before, "app-3.example.com"]).toContain(pick(heavier, key));
    }
  });

  it("answers the same whatever the order", ({ expect }) => {
    const items = itemsOf([1, 2, 3, 4, 5, 1]);
    const orders = fc.shuffledSubarray(items, { minLength: items.length });
    fc.assert(
      fc.property(orders, fc.string(), (shuffled, key) => {
        expect(pick(shuffled, key)).toBe(pick(items, key));
      }),
      { numRuns: 500 },
    );
  });

  it("finds nobody in an empty list, and the only one in a list of one", ({ expect }) => {
    expect(pick([], "key")).toBe("nobody");
    expect(pick(itemsOf([1]), "key")).toBe("app-0.example.com");
  });
});

describe("the hash", () => {
  it("lies between 0 and 1, and is the same for the same text", ({ expect }) => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(uniform(text)).toBeGreaterThan(0);
        expect(uniform(text)).toBeLessThan(1);
        expect(uniform(text)).toBe(uniform(text));
      }),
    );
  });

  it("is cyrb53 as published", ({ expect }) => {
    expect(uniform("a")).toBe((0x1c2ba782c97901 + 0.5) / 2 ** 53);
  });

  it("never changes, for it is what hash pins are made of", ({ expect }) => {
    expect(["", "a", "app-1\0session-1", "ü€😀"].map((text) => uniform(text).toFixed(12))).toEqual([
      "0.370693256952",
      "0.880328898853",
      "0.368859199934",
      "0.224335020064",
    ]);
  });
});
