import * as fc from "fast-check";
import { describe, it } from "vitest";

import { BINDINGS, ONE_ORIGIN } from "./fixtures.ts";
import { checkPools, readConfig } from "../../../src/config/config.ts";
import type { Problem } from "../../../src/model.ts";

/** JSON that is a pool in most places and nonsense in one or the other. */
const almostPool = fc.record(
  {
    name: fc.oneof(fc.constantFrom("shop", "api"), fc.jsonValue()),
    match: fc.oneof(fc.array(fc.string()), fc.jsonValue()),
    client_ip: fc.oneof(
      fc.record({ header: fc.jsonValue(), trusted: fc.array(fc.jsonValue()) }),
      fc.jsonValue(),
    ),
    affinity: fc.array(
      fc.oneof(
        fc.string(),
        fc.record(
          {
            by: fc.constantFrom("cookie", "app-cookie", "header", "query", "path", "ip", "tea"),
            name: fc.jsonValue(),
            pattern: fc.string(),
            pin: fc.constantFrom("map", "hash", "route", "embed", "cookie"),
            cookie: fc.jsonValue(),
          },
          { requiredKeys: ["by"] },
        ),
      ),
    ),
    origins: fc.array(
      fc.record({ url: fc.oneof(fc.webUrl(), fc.jsonValue()), weight: fc.jsonValue() }),
    ),
    sessions: fc.record({ idle: fc.jsonValue(), lease: fc.jsonValue(), record: fc.jsonValue() }),
    health: fc.record({ expect: fc.jsonValue(), passive: fc.jsonValue() }),
    drain: fc.jsonValue(),
  },
  { requiredKeys: [] },
);

describe("whatever stands in a binding", () => {
  it.for(["POOLS", "ORIGINS"])(
    "%s is read or refused, and nothing is thrown",
    (name, { expect }) => {
      fc.assert(
        fc.property(fc.oneof(fc.jsonValue(), fc.anything(), fc.string()), (value) => {
          const reading = readConfig({ ...BINDINGS, [name]: value });
          expect(reading.ok || reading.problems.length > 0).toBe(true);
        }),
      );
    },
  );

  it("AFFINITY is read or refused, and nothing is thrown", ({ expect }) => {
    const value = fc.oneof(fc.jsonValue(), fc.anything(), fc.string(), fc.array(fc.string()));
    fc.assert(
      fc.property(value, (AFFINITY) => {
        const reading = readConfig({ ...BINDINGS, ORIGINS: ONE_ORIGIN, AFFINITY });
        expect(reading.ok || reading.problems.length > 0).toBe(true);
      }),
    );
  });

  it("a pool that is nearly right yields a pool without gaps, or problems in words", ({
    expect,
  }) => {
    fc.assert(
      fc.property(fc.array(almostPool, { minLength: 1, maxLength: 3 }), (given) => {
        const problems: Problem[] = [];
        const pools = checkPools(given, () => null, problems);
        expect(pools.length === given.length || problems.length > 0).toBe(true);
        expect(JSON.stringify(pools)).not.toContain("undefined");
        for (const { path, value, expected } of problems) {
          expect(path).toMatch(/^POOLS\[\d\]/);
          expect(value.length).toBeGreaterThan(0);
          expect(value.length).toBeLessThanOrEqual(120);
          expect(expected).not.toMatch(/^Invalid /);
        }
      }),
      { numRuns: 300 },
    );
  });
});
