import * as fc from "fast-check";
import { describe, it } from "vitest";

import { cookiesNamed, withoutPairs, withValues } from "../../../src/affinity/cookie-header.ts";
import { unwrap, unwrapCookies } from "../../../src/affinity/embed.ts";
import { fieldText, runs } from "./runs.ts";

const NAME = "affinity";
const TOKEN = "Aa0_-".repeat(20).slice(0, 99);

/** Any Cookie header at all, but for ours. */
const header = fieldText(
  "a=1",
  "SID=x",
  NAME,
  "=",
  ";",
  "; ",
  ", ",
  ",",
  " ",
  "\t",
  '"',
  "b=",
  "é",
).filter((text) => cookiesNamed(text, NAME).length === 0);
const hasPairs = (text: string) => /[^\s;,]/.test(text);

/** Where a pair may be put so that all else stays as it is: in front, behind, and before each ";". */
function inserted(text: string, where: readonly number[], separator: string): string {
  const borders = [...text].flatMap((char, at) => (char === ";" && at > 0 ? [at] : []));
  const places = [-1, ...borders, text.length].filter((_, at) => where.includes(at));
  let whole = "";
  let from = 0;
  for (const [index, place] of places.entries()) {
    const pair = `${NAME}=${TOKEN.slice(index % 90)}`;
    if (place === -1) {
      whole += text === "" ? pair : `${pair}${separator}`;
    } else {
      whole += text.slice(from, place) + (whole === "" && place === 0 ? "" : separator) + pair;
      from = place;
    }
  }
  return whole + text.slice(from);
}

describe("our cookie", () => {
  it("put anywhere in any Cookie header and cut out again leaves the same bytes", ({ expect }) => {
    const where = fc.uniqueArray(fc.nat({ max: 12 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(header, where, fc.constantFrom(";", "; "), (text, places, separator) => {
        const whole = inserted(text, places, separator);
        const pairs = cookiesNamed(whole, NAME);
        fc.pre(pairs.length > 0);
        expect(pairs.map(({ value }) => value).join(" ")).toMatch(/^[\w -]*$/);
        expect(withoutPairs(whole, pairs), JSON.stringify(whole)).toBe(
          hasPairs(text) ? text : null,
        );
      }),
      runs(2_000),
    );
  });

  it("is gone from whatever header it stood in, and nothing was added", ({ expect }) => {
    const any = fieldText(NAME, `${NAME}=`, `; ${NAME}=a`, "=", ";", ", ", ",", " ", "x=1", '"');
    fc.assert(
      fc.property(any, (text) => {
        const rest = withoutPairs(text, cookiesNamed(text, NAME)) ?? "";
        // A border of lines that ours stood at is a ";" afterwards: one character for another.
        expect(rest.length).toBeLessThanOrEqual(text.length);
        const left = [...rest.replaceAll(/[;,\s]/g, "")];
        let at = 0;
        for (const char of left) {
          at = text.indexOf(char, at) + 1;
          expect(at, JSON.stringify([text, rest])).toBeGreaterThan(0);
        }
      }),
      runs(2_000),
    );
  });
});

describe("envelopes", () => {
  it("put around values of any Cookie header and opened again leave the same header", ({
    expect,
  }) => {
    fc.assert(
      fc.property(header, fc.constantFrom("SID", "a"), (text, name) => {
        const pairs = cookiesNamed(text, name);
        fc.pre(pairs.every(({ value }) => unwrap(value) === null));
        const plain = withValues(text, pairs, ({ value }) => value);
        const wrapped = withValues(text, pairs, ({ value }) => `${TOKEN}~${value}`);
        expect(unwrapCookies(wrapped, [name])).toBe(plain);
      }),
      runs(2_000),
    );
  });

  it("are opened once: what is inside is the application's", ({ expect }) => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        expect(unwrap(`${TOKEN}~${value}`)).toEqual({ token: TOKEN, value });
      }),
      runs(300),
    );
  });
});
