import * as fc from "fast-check";
import { describe, it } from "vitest";

import { queryKey } from "../../../../src/affinity/keys/query.ts";
import type { Arrival } from "../../../../src/shared/arrival.ts";
import { arrivalOf } from "../../fixtures.ts";

const ORIGIN = "https://shop.example.com";
const asking = (query: string): Arrival => ({ ...arrivalOf(ORIGIN), query });

describe("a query parameter", () => {
  it.for([
    ["?sid=abc", "abc"],
    ["?a=1&sid=abc&b=2", "abc"],
    ["?sid=first&sid=second", "first"],
    ["?sid=a%20b+c=d", "a%20b+c=d"],
    ["?sid=", ""],
    ["?sid", null],
    ["?xsid=abc", null],
    ["?sidx=abc", null],
    ["?a=sid=abc", null],
    ["?SID=abc", null],
    ["?&&sid=abc", "abc"],
    ["?", null],
    ["", null],
  ] as const)("in %j is %j", ([query, value], { expect }) => {
    expect(queryKey("sid")(asking(query), null)).toBe(value);
  });

  it("is found among any others", ({ expect }) => {
    const part = fc.stringMatching(/^[a-z%=+.]{0,8}$/).filter((text) => !/^sid(=|$)/.test(text));
    fc.assert(
      fc.property(
        fc.array(part),
        fc.array(part),
        fc.stringMatching(/^[\w%.-]*$/),
        (a, b, value) => {
          const query = `?${[...a, `sid=${value}`, ...b].join("&")}`;
          expect(queryKey("sid")(asking(query), null)).toBe(value);
        },
      ),
    );
  });
});
