import * as fc from "fast-check";
import { describe, it } from "vitest";

import { parseExposition, valueOf } from "../../kit/prometheus.ts";
import type { Sums } from "../../../src/shared/counts.ts";
import { expose } from "../../../src/metrics/exposition.ts";
import { familiesOf, type PoolFacts } from "../../../src/metrics/families.ts";

function facts(of: Partial<PoolFacts> = {}): PoolFacts {
  return {
    pool: "default",
    since: 1_790_000_000_000,
    totals: new Map(),
    sessions: null,
    isolates: 1,
    isDegraded: false,
    origins: [{ name: "app-1", health: "up", state: "active", weight: 1 }],
    ...of,
  };
}

const parse = (...pools: PoolFacts[]) => parseExposition(expose(familiesOf(pools)));

describe("the exposition", () => {
  it("is valid in every line and gives every label back, whatever origins are called", ({
    expect,
  }) => {
    const name = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom('a"b', "a\\", "\n", "\\n"),
    );
    const count = fc.integer({ min: 1, max: 2 ** 48 });
    fc.assert(
      fc.property(
        fc.uniqueArray(name, { minLength: 1, maxLength: 5 }),
        name,
        count,
        (names, pool, n) => {
          const sums: Sums = {
            "outcome hit": n,
            "class 2xx": n,
            "move down": n,
            "within 50": n,
            ms: n,
          };
          const totals = new Map(names.map((origin) => [origin, sums]));
          const metrics = parse(facts({ pool: `p${pool}`, totals }));
          for (const origin of names) {
            const labels = { pool: `p${pool}`, origin };
            expect(valueOf(metrics, "limpet_requests_total", labels)).toBe(n);
            expect(valueOf(metrics, "limpet_moves_total", { from: origin })).toBe(n);
            expect(valueOf(metrics, "limpet_request_duration_seconds_sum", labels)).toBe(n / 1_000);
          }
        },
      ),
    );
  });

  it("has the buckets of a histogram add up to its count", ({ expect }) => {
    const sums: Sums = { "within 5": 2, "within 500": 3, "within +Inf": 1, ms: 61_500 };
    const metrics = parse(facts({ totals: new Map([["app-1", sums]]) }));
    const buckets = metrics
      .get("limpet_request_duration_seconds")
      ?.samples.filter(({ name }) => name.endsWith("_bucket"));
    expect(buckets?.map(({ labels, value }) => `${labels["le"]} ${value}`)).toEqual([
      "0.005 2",
      "0.01 2",
      "0.025 2",
      "0.05 2",
      "0.1 2",
      "0.25 2",
      "0.5 5",
      "1 5",
      "2.5 5",
      "5 5",
      "10 5",
      "30 5",
      "+Inf 6",
    ]);
    expect(valueOf(metrics, "limpet_request_duration_seconds_count")).toBe(6);
    expect(valueOf(metrics, "limpet_request_duration_seconds_sum")).toBe(61.5);
  });

  it("is the same in whatever order things were counted", ({ expect }) => {
    const one: Sums = { "outcome hit": 1, "outcome moved": 2, "failure origin_timeout": 1 };
    const other: Sums = { "failure origin_timeout": 1, "outcome moved": 2, "outcome hit": 1 };
    const text = (totals: Map<string, Sums>) => expose(familiesOf([facts({ totals })]));
    expect(
      text(
        new Map([
          ["b", one],
          ["a", other],
        ]),
      ),
    ).toBe(
      text(
        new Map([
          ["a", one],
          ["b", other],
        ]),
      ),
    );
  });

  it("adds what no pool took over the pools that heard of it", ({ expect }) => {
    const totals = new Map<string, Sums>([["", { "refused no_pool": 2 }]]);
    const metrics = parse(facts({ pool: "a", totals }), facts({ pool: "b", totals }));
    expect(valueOf(metrics, "limpet_failures_total", { pool: "", code: "no_pool" })).toBe(4);
    expect(valueOf(metrics, "limpet_requests_total", { pool: "", outcome: "none" })).toBe(4);
    expect(valueOf(metrics, "limpet_requests_total")).toBe(4);
  });

  it("tells health, state and sessions of every origin, and no sessions where none are counted", ({
    expect,
  }) => {
    const origins = [
      { name: "app-1", health: "down", state: "draining", weight: 0 },
      { name: "app-2", health: "up", state: "active", weight: 3 },
    ] as const;
    const metrics = parse(
      facts({ pool: "a", origins, sessions: new Map([["app-2", 7]]) }),
      facts({ pool: "b", origins }),
    );
    const of = (name: string, labels: Record<string, string>) =>
      valueOf(metrics, name, { pool: "a", ...labels });
    expect(of("limpet_origin_up", { origin: "app-1" })).toBe(0);
    expect(of("limpet_origin_up", { origin: "app-2" })).toBe(1);
    expect(of("limpet_origin_state", { origin: "app-1", state: "draining" })).toBe(1);
    expect(of("limpet_origin_state", { origin: "app-1", state: "active" })).toBe(0);
    expect(of("limpet_origin_weight", { origin: "app-2" })).toBe(3);
    expect(metrics.get("limpet_sessions")?.samples.map(({ value }) => value)).toEqual([0, 7]);
  });
});
