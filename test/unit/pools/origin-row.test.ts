import * as fc from "fast-check";
import { describe, it } from "vitest";

import { makePool } from "../fixtures.ts";
import { rowOf } from "./fixtures.ts";
import { changed, drainEnd, ejected, flipped, isDraining } from "../../../src/pools/origin-row.ts";

const NOW = 1_790_000_000_000;
const MINUTE = 60_000;
const HEALTH = { ...makePool().health, rise: 2, fall: 3 };

/** What a run of probes ("+" passed, "-" failed) makes of an origin, and how often it flipped. */
function probes(run: string, row = rowOf("app-1")) {
  let flips = 0;
  let seen = row;
  for (const one of run) {
    const next = flipped(seen, one === "+", HEALTH, NOW);
    if (next.probe !== seen.probe) flips += 1;
    seen = next;
  }
  return { probe: seen.probe, flips, row: seen };
}

describe("an origin that is probed", () => {
  it.for([
    ["", "up", 0],
    ["--", "up", 0],
    ["---", "down", 1],
    ["--+--", "up", 0],
    ["--+---", "down", 1],
    ["-----", "down", 1],
    ["---+", "down", 1],
    ["---++", "up", 2],
    ["---+-+-+", "down", 1],
    ["---++---", "down", 3],
  ] as const)("after %j is %s", ([run, probe, flips], { expect }) => {
    expect(probes(run)).toMatchObject({ probe, flips });
  });

  it("flips only after `rise` or `fall` of the contrary in a row", ({ expect }) => {
    fc.assert(
      fc.property(fc.stringMatching(/^[+-]{0,40}$/), (run) => {
        const expected = [...run].reduce(
          (state, _, at) =>
            state === "up" && run.slice(0, at + 1).endsWith("---")
              ? "down"
              : state === "down" && run.slice(0, at + 1).endsWith("++")
                ? "up"
                : state,
          "up",
        );
        expect(probes(run).probe).toBe(expected);
      }),
    );
  });

  it("ends an ejection when it comes up, and says since when it is up", ({ expect }) => {
    const down = rowOf("app-1", { probe: "down", ejected_until: NOW + MINUTE });
    expect(probes("+", down).row).toMatchObject({ ejected_until: NOW + MINUTE, up_since: null });
    expect(probes("++", down).row).toMatchObject({ ejected_until: 0, up_since: NOW });
  });

  it("comes back from an ejection when that ends", ({ expect }) => {
    expect(ejected(rowOf("app-1"), NOW + MINUTE)).toMatchObject({
      ejected_until: NOW + MINUTE,
      up_since: NOW + MINUTE,
    });
  });
});

describe("an origin drains", () => {
  it.for([
    [{ state: "draining" }, "active", true],
    [{ state: null }, "draining", true],
    [{ weight: 0 }, "active", true],
    [{ state: "active", weight: 0 }, "disabled", true],
    [{ state: "active" }, "draining", false],
    [{ state: "disabled" }, "draining", false],
    [{ weight: 0 }, "disabled", false],
    [{ weight: 1 }, "active", false],
  ] as const)("by %j over %s: %s", ([row, configured, expected], { expect }) => {
    expect(isDraining(rowOf("app-1", row), configured)).toBe(expected);
  });

  it("until its deadline or its last session, which of them comes first", ({ expect }) => {
    const row = rowOf("app-1", { drain_since: NOW, drain_deadline: NOW + MINUTE });
    expect(drainEnd(row, 5, NOW + MINUTE - 1)).toBeNull();
    expect(drainEnd(row, 5, NOW + MINUTE)).toBe("deadline, 5 sessions left");
    expect(drainEnd(row, null, NOW + MINUTE)).toBe("deadline");
    expect(drainEnd(row, 0, NOW + 30_000)).toBe("no sessions left");
  });

  it("without end when there is no deadline and sessions can't be counted", ({ expect }) => {
    const row = rowOf("app-1", { drain_since: NOW, drain_deadline: null });
    expect(drainEnd(row, null, NOW + 1_000 * MINUTE)).toBeNull();
    expect(drainEnd(row, 1, NOW + 1_000 * MINUTE)).toBeNull();
    expect(drainEnd(rowOf("app-1"), 0, NOW)).toBeNull();
  });
});

const change = fc.record(
  {
    state: fc.constantFrom("active", "draining", "disabled", null),
    weight: fc.constantFrom(0, 1, 7, null),
    drainMs: fc.constantFrom(MINUTE, null),
  },
  { requiredKeys: [] },
);

describe("whatever the operator changes", () => {
  it("a drain has begun exactly while the origin drains", ({ expect }) => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 8 }), (changes) => {
        let row = rowOf("app-1");
        for (const [at, one] of changes.entries()) {
          row = changed(row, one, "active", NOW + at, 5 * MINUTE);
          expect(row.drain_since !== null).toBe(isDraining(row, "active"));
          if (row.drain_since === null) {
            expect(row).toMatchObject({ drain_deadline: null, drained: 0 });
          }
        }
      }),
    );
  });

  it("what it does not name stays", ({ expect }) => {
    fc.assert(
      fc.property(change, (one) => {
        const row = rowOf("app-1", { state: "disabled", weight: 4, generation: 9, probe: "down" });
        const next = changed(row, one, "active", NOW, null);
        expect(next).toMatchObject({ generation: 9, probe: "down", ejected_until: 0 });
        expect(next.state).toBe(one.state === undefined ? "disabled" : one.state);
        expect(next.weight).toBe(one.weight === undefined ? 4 : one.weight);
      }),
    );
  });
});
