import * as fc from "fast-check";
import { describe, it } from "vitest";

import { cookiesNamed, withoutPairs, withValues } from "../../../src/affinity/cookie-header.ts";

const NAME = "affinity";
const values = (header: string, name = NAME) =>
  cookiesNamed(header, name).map(({ value }) => value);
const without = (header: string, name = NAME) => withoutPairs(header, cookiesNamed(header, name));

/** RFC 6265 §4.1.1: what servers may set, and what they set all the same (blanks, "=", quotes). */
const cookieName = fc.stringMatching(/^[!#$%&'*+.^_`|~\w-]{1,12}$/).filter((name) => name !== NAME);
const cookieValue = fc.oneof(
  fc.stringMatching(/^[!#-+\--:<-[\]-~]{0,20}$/),
  fc.stringMatching(/^"[!#-+\--:<-[\]-~]{0,10}"$/),
  fc.stringMatching(/^[a-z]+=[a-z]+ [a-z=]+$/),
);
const pair = fc.tuple(cookieName, cookieValue).map(([name, value]) => `${name}=${value}`);
/** Every one with the separator that stands before it: "; " mostly, ", " where a line was joined. */
const separator = fc.constantFrom("; ", ";", ", ");
const ours = fc.stringMatching(/^[\w-]{1,99}$/).map((value) => `${NAME}=${value}`);

function join(pairs: readonly (readonly [string, string])[]): string {
  return pairs.map(([between, one], at) => (at === 0 ? one : between + one)).join("");
}

describe("finding a cookie", () => {
  it.for([
    ["affinity=a", ["a"]],
    ["x=1; affinity=a; y=2", ["a"]],
    ["x=1;affinity=a;y=2", ["a"]],
    ["  affinity=a  ; y=2", ["a"]],
    ["affinity = a", ["a"]],
    ["x=1, affinity=a", ["a"]],
    ["affinity=a, x=1", ["a"]],
    ["affinity=a; affinity=b, affinity=c", ["a", "b", "c"]],
    ['affinity="a b"', ['"a b"']],
    ["affinity=a=b==", ["a=b=="]],
    ["affinity=", [""]],
    ["affinity=a, b", ["a, b"]],
    ["affinity=a,x=1", ["a,x=1"]],
  ] as const)("in %j finds %j", ([header, found], { expect }) => {
    expect(values(header)).toEqual(found);
  });

  it.for([
    "xaffinity=a",
    "x-affinity=a",
    "__Host-affinity=a",
    "affinity-shop=a",
    "affinityx=a",
    "Affinity=a",
    "affinity",
    "affinity; x=1",
    "x=affinity=a",
    "x=1 affinity=a",
    "x=1,affinity=a",
    "",
  ])("in %j finds nothing", (header, { expect }) => {
    expect(values(header)).toEqual([]);
    expect(withoutPairs(header, cookiesNamed(header, NAME))).toBe(header === "" ? null : header);
  });

  it("finds names made of characters that mean something elsewhere", ({ expect }) => {
    expect(values("a.b*$=1; aXb*$=2", "a.b*$")).toEqual(["1"]);
  });
});

describe("cutting a cookie out", () => {
  it("leaves what was there before it came, wherever it stood", ({ expect }) => {
    const around = fc.array(fc.tuple(separator, pair), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(around, fc.nat(), ours, fc.constantFrom("; ", ", "), (pairs, where, one, sep) => {
        const header = join(pairs);
        const at = where % (pairs.length + 1);
        const before = join(pairs.slice(0, at));
        const after = pairs.slice(at);
        const inserted =
          at === 0
            ? `${one}${sep}${header}`
            : `${before}${sep}${one}${after.map(([between, next]) => between + next).join("")}`;
        expect(cookiesNamed(inserted, NAME), inserted).toHaveLength(1);
        // A comma behind ours was the border of two Cookie lines: it becomes what it stands for.
        const rest = after.map(([between, next], index) => {
          const isBorder = index === 0 && at > 0;
          return (isBorder ? between.replace(",", ";") : between) + next;
        });
        expect(without(inserted), inserted).toBe(at === 0 ? header : before + rest.join(""));
      }),
      { numRuns: 1_000 },
    );
  });

  it("takes every copy and leaves the others byte for byte", ({ expect }) => {
    const mixed = fc.array(
      fc.tuple(separator, fc.oneof(pair, ours)).map(([sep, one]) => [sep, one] as const),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(mixed, (pairs) => {
        const header = join(pairs);
        const rest = without(header) ?? "";
        const others = pairs.map(([, one]) => one).filter((one) => !one.startsWith(`${NAME}=`));
        expect(values(rest)).toEqual([]);
        expect(rest.split(/; ?|, (?=[!#$%&'*+.^_`|~\w-]+=)/).filter(Boolean)).toEqual(others);
      }),
      { numRuns: 1_000 },
    );
  });

  it.for([
    ["affinity=a", null],
    [" affinity=a ; ", null],
    ["affinity=a; affinity=b", null],
    ["affinity=a; x=1", "x=1"],
    ["x=1; affinity=a", "x=1"],
    ["x=1; affinity=a; y=2", "x=1; y=2"],
    ["x=1;affinity=a;y=2", "x=1;y=2"],
    ["x=1, affinity=a", "x=1"],
    ["x=1, affinity=a; y=2", "x=1; y=2"],
    ["affinity=a, x=1", "x=1"],
    ["x=1; affinity=a; affinity=b; y=2; affinity=c", "x=1; y=2"],
    ['x="a, b"; affinity=a; y=%F0%9F;z', 'x="a, b"; y=%F0%9F;z'],
  ] as const)("of %j leaves %j", ([header, rest], { expect }) => {
    expect(without(header)).toBe(rest);
  });
});

describe("replacing a value", () => {
  it("changes nothing else", ({ expect }) => {
    const headers = fc.array(fc.tuple(separator, pair), { maxLength: 5 });
    fc.assert(
      fc.property(headers, headers, ours, (before, after, one) => {
        const header = join([...before, ["; ", one], ...after]);
        const changed = withValues(header, cookiesNamed(header, NAME), () => "new.value");
        expect(changed).toBe(join([...before, ["; ", `${NAME}=new.value`], ...after]));
      }),
    );
  });
});

describe("large and hostile headers", () => {
  it("throws on no string at all, and cuts only what it has found", ({ expect }) => {
    const hostile = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom("affinity", "=", ";", ",", " ", "\t", "x", '"') }),
    );
    fc.assert(
      fc.property(hostile, (header) => {
        for (const { start, end, value } of cookiesNamed(header, NAME)) {
          expect(header.slice(start, end)).toMatch(/^affinity[ \t]*=/);
          expect(header.slice(start, end).trim().endsWith(value)).toBe(true);
        }
        expect((without(header) ?? "").length).toBeLessThanOrEqual(header.length);
      }),
      { numRuns: 2_000 },
    );
  });

  it("reads 1,000 copies, whatever separates them", ({ expect }) => {
    for (const sep of ["; ", ", ", ";", " ;\t"]) {
      const header = Array.from({ length: 1_000 }, (_, at) => `affinity=${at}`).join(sep);
      expect(values(header)).toHaveLength(1_000);
      expect(values(header).at(-1)).toBe("999");
      expect(without(header)).toBeNull();
      expect(without(`x=1${sep}${header}${sep}y=2`)).toBe(`x=1${sep.replace(",", ";")}y=2`);
    }
  });

  it("reads 16 kB of one value, of blanks, of names and of commas", ({ expect }) => {
    const long = "v".repeat(16_384);
    expect(values(`x=1; affinity=${long}; y=2`)).toEqual([long]);
    expect(values(`affinity=a;${" ".repeat(16_384)}affinity=b`)).toEqual(["a", "b"]);
    expect(values("affinity".repeat(2_048))).toEqual([]);
    expect(values(`affinity=${", ".repeat(8_192)}`)).toHaveLength(1);
    expect(without(`x=${long}; affinity=a`)).toBe(`x=${long}`);
  });
});
