import * as fc from "fast-check";
import { describe, it } from "vitest";

import { matrixKey, patternKey } from "../../../../src/affinity/keys/path.ts";
import type { Arrival } from "../../../../src/shared/arrival.ts";
import { arrivalOf } from "../../fixtures.ts";

const ORIGIN = "https://shop.example.com";
const at = (path: string): Arrival => ({ ...arrivalOf(ORIGIN), path });

describe("a group of a path pattern", () => {
  it.for([
    ["/rooms/:room/*", "/rooms/blue/chat", "blue"],
    ["/rooms/:room/*", "/rooms/blue/", "blue"],
    ["/rooms/:room/*", "/rooms/blue", null],
    ["/rooms/:room/*", "/rooms//chat", null],
    ["/rooms/:room/*", "/Rooms/blue/chat", null],
    ["/rooms/:room{/*}?", "/rooms/blue", "blue"],
    ["/:tenant/:user", "/acme/ann", "acme"],
    ["/*/t/:tenant", "/a/b/t/acme", "acme"],
    ["/rooms/:room", "/rooms/a%2Fb%20c", "a%2Fb%20c"],
    ["/time\\:zone/:city", "/time:zone/bern", "bern"],
  ] as const)("%s in %s is %j", ([pattern, path, room], { expect }) => {
    expect(patternKey(pattern)(at(path), null)).toBe(room);
  });

  it("throws on no path at all", ({ expect }) => {
    const key = patternKey("/rooms/:room/*");
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: "binary" })), (path) => {
        expect(["string", "object"]).toContain(typeof key(at(path), null));
      }),
    );
  });
});

describe("a matrix parameter", () => {
  it.for([
    ["/shop;jsessionid=abc.node1", "abc.node1"],
    ["/shop;jsessionid=abc/cart", "abc"],
    ["/shop;a=1;jsessionid=abc;b=2/cart", "abc"],
    ["/a;jsessionid=first/b;jsessionid=second", "first"],
    ["/shop;jsessionid=", ""],
    ["/shop;jsessionid", null],
    ["/shop;xjsessionid=abc", null],
    ["/shop/jsessionid=abc", null],
    ["/shop", null],
  ] as const)("in %j is %j", ([path, value], { expect }) => {
    expect(matrixKey("jsessionid")(at(path), null)).toBe(value);
  });
});
