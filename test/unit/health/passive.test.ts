import * as fc from "fast-check";
import { describe, it } from "vitest";

import { makePool } from "../fixtures.ts";
import { makePassive, type Passive } from "../../../src/health/passive.ts";

const START = 1_790_000_000_000;
const SETTINGS = {
  ...makePool().health,
  failures: 3,
  windowMs: 10_000,
  ejectMs: 30_000,
  maxEjected: 0.5,
};

/** One isolate's watch over a pool; all ejections are its own. */
function watching(total = 4, settings = SETTINGS): Passive {
  const passive: Passive = makePassive(settings, total, outAt);
  function outAt(now: number): number {
    return [...passive.ejections.values()].filter((until) => until > now).length;
  }
  return passive;
}

const at = (seconds: number) => START + seconds * 1_000;

/** Three failures at once. */
function failing(passive: Passive, origin: string, now: number): number | null {
  passive.observe(origin, "bad", now);
  passive.observe(origin, "bad", now);
  return passive.observe(origin, "bad", now);
}

describe("an origin is ejected", () => {
  it("after so many failures in a row, and not before", ({ expect }) => {
    const passive = watching();
    expect(passive.observe("a", "bad", at(0))).toBeNull();
    expect(passive.observe("a", "bad", at(1))).toBeNull();
    expect(passive.ejections.size).toBe(0);
    expect(passive.observe("a", "bad", at(2))).toBe(30_000);
    expect(passive.ejections.get("a")).toBe(at(32));
    expect(passive.changes).toBe(1);
  });

  it("for its own failures only", ({ expect }) => {
    const passive = watching();
    for (const origin of ["a", "b", "a", "b"]) passive.observe(origin, "bad", at(0));
    expect(passive.ejections.size).toBe(0);
    expect(passive.observe("b", "bad", at(0))).toBe(30_000);
  });

  it("not by failures from before a good answer, though it was ejected earlier", ({ expect }) => {
    const passive = watching();
    expect(failing(passive, "a", at(0))).toBe(30_000);
    for (const seen of ["bad", "bad", "good", "bad", "bad"] as const) {
      expect(passive.observe("a", seen, at(40))).toBeNull();
    }
    expect(passive.observe("a", "bad", at(41))).not.toBeNull();
  });

  it("not when one good answer came between", ({ expect }) => {
    const passive = watching();
    for (const seen of ["bad", "bad", "good", "bad", "bad", "good"] as const) {
      expect(passive.observe("a", seen, at(0))).toBeNull();
    }
  });

  it.for([
    ["at the end of the window", [0, 5, 10], true],
    ["not across a longer time", [0, 5, 10.001], false],
    ["not by failures that are far apart", [0, 11, 22, 33, 44], false],
    ["by the last three, when an older one has left the window", [0, 6, 11, 12], true],
  ] as const)("%s", ([, times, isOut], { expect }) => {
    const passive = watching();
    for (const time of times) passive.observe("a", "bad", at(time));
    expect(passive.ejections.size === 1).toBe(isOut);
  });

  it("as soon as the last ones in a row lie within the window, whenever they come", ({
    expect,
  }) => {
    const seconds = fc.array(fc.nat({ max: 60 }), { maxLength: 20 });
    fc.assert(
      fc.property(seconds, (list) => {
        const times = list.toSorted((one, other) => one - other);
        const first = times.findIndex((time, index) => time - (times[index - 2] ?? -99) <= 10);
        const passive = watching();
        const found = times.findIndex((time) => passive.observe("a", "bad", at(time)) !== null);
        expect(found).toBe(first);
      }),
    );
  });
});

describe("an ejection", () => {
  it("grows with each repetition, up to ten times", ({ expect }) => {
    const passive = watching();
    let now = START;
    const lengths = Array.from({ length: 12 }, () => {
      const forMs = failing(passive, "a", now) ?? 0;
      now += forMs;
      return forMs / 30_000;
    });
    expect(lengths).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10]);
  });

  it("is not made longer by requests that were still on their way", ({ expect }) => {
    const passive = watching();
    failing(passive, "a", at(0));
    expect(failing(passive, "a", at(1))).toBeNull();
    expect(passive.ejections.get("a")).toBe(at(30));
    expect(passive.observe("a", "bad", at(30))).toBeNull();
  });

  it("is short again after a long time without trouble", ({ expect }) => {
    const passive = watching();
    failing(passive, "a", at(0));
    expect(failing(passive, "a", at(30 + 299))).toBe(60_000);
    expect(failing(passive, "a", at(30 + 299 + 60 + 301))).toBe(30_000);
  });

  it("leaves no trace in the end, so that good news cost nothing", ({ expect }) => {
    const passive = watching();
    expect(passive.isQuiet).toBe(true);
    failing(passive, "a", at(0));
    passive.observe("a", "good", at(31));
    expect(passive.isQuiet).toBe(false);
    passive.observe("a", "good", at(331));
    expect(passive.isQuiet).toBe(true);
    passive.observe("b", "bad", at(332));
    passive.observe("b", "good", at(333));
    expect(passive.isQuiet).toBe(true);
  });
});

describe("of a pool", () => {
  it.for([
    [1, 0.5, 0],
    [1, 1, 0],
    [2, 0.5, 1],
    [2, 0.1, 1],
    [3, 0.5, 1],
    [4, 0.5, 2],
    [5, 0.5, 2],
    [10, 0.3, 3],
    [4, 1, 4],
    [4, 0, 0],
  ] as const)("of %i with max_ejected = %d, %i may go", ([total, maxEjected, most], { expect }) => {
    const passive = watching(total, { ...SETTINGS, maxEjected });
    const lengths = Array.from({ length: total }, (_, index) =>
      failing(passive, `app-${index}`, at(0)),
    );
    expect(lengths.filter((forMs) => forMs !== null)).toHaveLength(most);
    expect(passive.ejections.size).toBe(most);
  });

  it("another may go once one is back", ({ expect }) => {
    const passive = watching(2);
    failing(passive, "a", at(0));
    expect(failing(passive, "b", at(29))).toBeNull();
    expect(failing(passive, "b", at(30))).toBe(30_000);
  });

  it("none goes while as many are out by other means", ({ expect }) => {
    const passive = makePassive(SETTINGS, 4, () => 2);
    expect(failing(passive, "a", at(0))).toBeNull();
    expect(passive.ejections.size).toBe(0);
  });
});
