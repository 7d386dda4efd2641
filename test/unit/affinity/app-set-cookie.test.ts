import * as fc from "fast-check";
import { describe, it } from "vitest";

import { lastSetCookie, lifetimeOf, readSetCookie } from "../../../src/affinity/app-set-cookie.ts";

const NOW = Date.UTC(2026, 10, 23);
const read = (line: string) => readSetCookie(line, NOW);

describe("a Set-Cookie line", () => {
  it.for([
    ["SID=abc", "SID", "abc"],
    ["SID=abc; Path=/", "SID", "abc"],
    ["  SID \t=  abc  ; Path=/", "SID", "abc"],
    ['SID="a b"', "SID", '"a b"'],
    ["SID=a=b==; Secure", "SID", "a=b=="],
    ["SID=%41%20,x", "SID", "%41%20,x"],
    ["SID=", "SID", ""],
    ["SID=;", "SID", ""],
    ["__Host-x.y!=1", "__Host-x.y!", "1"],
  ])("%j is %s = %j", ([line, name, value], { expect }) => {
    expect(read(line ?? "")).toMatchObject({ name, value });
  });

  it.for([[""], ["SID"], ["=abc"], ["  =abc"], ["; Path=/"], ["Secure; SID=abc"]])(
    "%j is none",
    ([line], { expect }) => {
      expect(read(line ?? "")).toBeNull();
    },
  );

  it("keeps its attributes byte for byte", ({ expect }) => {
    const attributes = "; path=/x ;SameSite=none;; Expires=Wed, 21 Oct 2026 07:28:00 GMT; odd";
    expect(read(`SID=a${attributes}`)?.attributes).toBe(attributes);
    expect(read("SID=a")?.attributes).toBe("");
  });

  it("never throws, whatever stands in it, and is read as a browser would send it", ({
    expect,
  }) => {
    const line = fc.oneof(
      fc.string(),
      fc.string({ unit: "binary" }),
      fc.stringMatching(/^[ -~;=,"]{0,200}$/),
      fc
        .tuple(fc.string(), fc.constantFrom("; Max-Age=", "; expires="), fc.string())
        .map(([value, key, end]) => `SID=${value}${key}${end}`),
    );
    fc.assert(
      fc.property(line, (given) => {
        const cookie = read(given);
        lastSetCookie([given, given], "SID", NOW);
        if (cookie === null) return;
        expect(cookie.name).not.toMatch(/^\s|\s$|[;=]/);
        expect(cookie.value).not.toMatch(/^\s|\s$|;/);
        expect(given.endsWith(cookie.attributes)).toBe(true);
        expect(lifetimeOf(cookie.attributes)).toMatch(/^(; (max-age|expires)\s*=[^;]*)*$/i);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("a cookie ends", () => {
  it.for([
    ["Max-Age=0", true],
    ["max-age=-1", true],
    [" MAX-AGE = 0 ", true],
    ["Max-Age=1", false],
    ["Max-Age=99999999999999999999", false],
    ["Max-Age=", false],
    ["Max-Age=0x", false],
    ["Max-Age=+0", false],
    ['Max-Age="0"', false],
    ["Expires=Thu, 01 Jan 1970 00:00:00 GMT", true],
    ["Expires=Thu, 01-Jan-1970 00:00:01 GMT", true],
    ["Expires=Thu, 01-Jan-70 00:00:01 GMT", true],
    ["expires=Sun, 22 Nov 2026 23:59:59 GMT", true],
    ["Expires=Mon, 23 Nov 2026 00:00:01 GMT", false],
    ["Expires=Fri, 31 Dec 9999 23:59:59 GMT", false],
    ["Expires=Session", false],
    ["Expires=", false],
    ["", false],
    // RFC 6265 §5.1.1: without a day, a month, a year and a time it is no date.
    ["Expires=0", false],
    ["Expires=-1", false],
    ["Expires=2001", false],
    // Two digits up to 69 are of this century.
    ["Expires=Sun, 06-Nov-60 08:49:37 GMT", false],
  ] as const)("by %j: %s", ([attribute, ends], { expect }) => {
    expect(read(`SID=abc; ${attribute}; Path=/`)?.ends).toBe(ends);
  });

  it("by Max-Age rather than by Expires, and by the last of each", ({ expect }) => {
    const past = "Expires=Thu, 01 Jan 1970 00:00:00 GMT";
    expect(read(`SID=a; Max-Age=60; ${past}`)?.ends).toBe(false);
    expect(read(`SID=a; ${past}; Max-Age=60`)?.ends).toBe(false);
    expect(read("SID=a; Max-Age=60; Max-Age=0")?.ends).toBe(true);
    expect(read("SID=a; Max-Age=0; Max-Age=oops")?.ends).toBe(true);
    expect(read(`SID=a; ${past}; Expires=Fri, 31 Dec 2060 23:59:59 GMT`)?.ends).toBe(false);
  });
});

describe("of several lines of one name", () => {
  const last = (...lines: string[]) => lastSetCookie(lines, "SID", NOW);

  it("the last counts, and no other name", ({ expect }) => {
    expect(last("SID=1", "XSID=2", "sid=3", "SID=4", "SIDX=5")?.value).toBe("4");
    expect(last("SID=1", "SID=; Max-Age=0")?.ends).toBe(true);
    expect(last("SID=; Max-Age=0", "SID=2")?.ends).toBe(false);
    expect(last("other=SID=1")).toBeNull();
    expect(last()).toBeNull();
  });

  it("one that ends elsewhere does not end the one that is set", ({ expect }) => {
    // A browser keeps cookies of one name apart by path and domain.
    expect(last("SID=new; Path=/", "SID=; Path=/old; Max-Age=0")).toMatchObject({
      value: "new",
      ends: false,
    });
    expect(last("SID=new", "SID=; Domain=example.com; Max-Age=0")?.ends).toBe(false);
  });

  it("one that ends at the same place ends it, however that is written", ({ expect }) => {
    const set = "SID=new; Path=/a; Domain=Example.com";
    const end = "SID=; max-age=0; DOMAIN= example.COM ; path = /a ";
    expect(last(set, end)?.ends).toBe(true);
    expect(last(set, "SID=; Max-Age=0; Domain=example.com; Path=/A")?.ends).toBe(false);
  });
});

describe("a lifetime", () => {
  it("is Max-Age and Expires as they stand, and nothing else", ({ expect }) => {
    expect(lifetimeOf("; Path=/; max-age=60; Secure; Expires=Wed, 21 Oct 2026 07:28:00 GMT")).toBe(
      "; max-age=60; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
    );
    expect(lifetimeOf("; Path=/; Secure; X-Max-Age=1")).toBe("");
    expect(lifetimeOf("")).toBe("");
  });
});
