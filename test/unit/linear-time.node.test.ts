import { describe, it, type ExpectStatic } from "vitest";

import { lastSetCookie, lifetimeOf } from "../../src/affinity/app-set-cookie.ts";
import { cookiesNamed, withoutPairs } from "../../src/affinity/cookie-header.ts";
import { unwrapCookies } from "../../src/affinity/embed.ts";
import { clientIpReader } from "../../src/affinity/keys/ip.ts";
import { matrixKey, patternKey } from "../../src/affinity/keys/path.ts";
import { queryKey } from "../../src/affinity/keys/query.ts";
import { arrive, type Arrival } from "../../src/shared/arrival.ts";
import { checkPools } from "../../src/config/config.ts";
import { hostMatcher, pathMatcher } from "../../src/pools/match.ts";
import { hopsOf, privateCacheControl, responseHopByHop } from "../../src/proxy/headers.ts";

/**
 * What reads a client's or an origin's bytes takes time in proportion to them: eight times as much for
 * eight times 32 KiB, not 64 times.
 */

const SHORT = 32_768;
const TIMES = 8;
/** Half-way between the two, on a logarithmic scale. */
const RATIO_MOST = 24;
/** Faster than this for 256 KiB is fast enough, and too fast to be measured. */
const FINE_US = 25_000;
const ROUNDS = 7;

/** The least of several rounds: what else the machine does only ever adds. */
function leastUs(work: () => unknown): number {
  let least = Infinity;
  for (let round = 0; round < ROUNDS; round += 1) {
    const from = performance.now();
    work();
    least = Math.min(least, (performance.now() - from) * 1_000);
  }
  return least;
}

function expectLinear(expect: ExpectStatic, read: (text: string) => unknown, unit: string): void {
  const textOf = (length: number) => unit.repeat(Math.ceil(length / unit.length)).slice(0, length);
  const [short, long] = [textOf(SHORT), textOf(SHORT * TIMES)];
  const longUs = leastUs(() => read(long));
  if (longUs <= FINE_US) return;
  const shortUs = leastUs(() => read(short));
  expect(longUs / shortUs, `${JSON.stringify(unit)}: ${shortUs} us, ${longUs} us`).toBeLessThan(
    RATIO_MOST,
  );
}

const arrival = (part: Partial<Arrival>) => part as Arrival;
const token = "A".repeat(99);

const PARSERS: readonly {
  readonly what: string;
  readonly read: (text: string) => unknown;
  readonly units: readonly string[];
}[] = [
  {
    what: "finding cookies",
    read: (text) => [cookiesNamed(text, "a"), cookiesNamed(text, "affinity")],
    units: ["a=;", "a=1, ", "affinity=x;", " a", "a ", "a\t=", ", ", "a=, ", "a=, b", "affinity"],
  },
  {
    what: "cutting cookies out",
    read: (text) => withoutPairs(text, cookiesNamed(text, "a")),
    units: ["a=;", "a=1, ", "x=1, a=2, ", "x=1;; a=2, ", " ;a=", "a=1;a=2;b=3; "],
  },
  {
    what: "opening envelopes",
    read: (text) => unwrapCookies(text, ["a", "b"]),
    units: [`a=${token}~x; `, `a=${token}~, `, "a=~;", `a=b=${token}~`],
  },
  {
    what: "Set-Cookie",
    read: (text) => [lastSetCookie([`a=1;${text}`, text], "a", 0), lifetimeOf(text)],
    units: [
      ";",
      "a=",
      "; Expires=1 aaa-",
      " ",
      "1 a",
      "; max-age",
      "; Expires=01-Jan-70 00:00:01 ",
      '"',
    ],
  },
  {
    what: "Connection and Cache-Control",
    read(text) {
      const headers = new Headers({ connection: text, "cache-control": text });
      return [responseHopByHop(headers), privateCacheControl(headers)];
    },
    units: ["a,", ",", " ,", "a ", "private,", "s-maxage", "a-b,c-"],
  },
  {
    what: "Forwarded and X-Forwarded-For",
    read(text) {
      const headers = new Headers({ forwarded: text, "x-forwarded-for": text });
      const trusted = ["10.0.0.0/8"];
      const client = clientIpReader({ kind: "chain", header: "x-forwarded-for", trusted });
      return [hopsOf(headers), client(arrival({ headers }))];
    },
    units: ["by=_limpe", "by=_limpet", "10.0.0.1,", ",", "1.", ":", "[::1]:1,", "%", "1.1.1.1:"],
  },
  {
    what: "a request's URL",
    read(text) {
      const request = { url: `https://a.example/${text}`, method: "GET", headers: new Headers() };
      return arrive(request as unknown as Request, 0);
    },
    units: ["/", "/./", "/.", "%2e/", "\\", "a/../", "?", "#", "//", "\u00e9", "@", ";a=1"],
  },
  {
    what: "a query",
    read: (text) => queryKey("sid")(arrival({ query: `?${text}` }), null),
    units: ["&", "sid&", "sid", "sid=", "xsid=1&", "=", "%"],
  },
  {
    what: "a path",
    read: (text) => [
      matrixKey("sid")(arrival({ path: `/${text}` }), null),
      ...PATTERNS.map((key) => key(arrival({ path: `/${text}` }), null)),
    ],
    units: [";sid", ";sid=", "/", "/a", "a", "-", ".json", "/x/y", "//", ";", "%2F"],
  },
  {
    what: "globs",
    read: (text) => [
      pathMatcher(["/*a*a*a*a*b", "/a*a*a", "/*/*/*x", "/********b", "*b*b*b*c"])(`/${text}`),
      hostMatcher({ match: ["*a*a*a*b/*a*b*c"] } as never)(text, `/${text}`),
    ],
    units: ["a", "ab", "/", "/x", "aaab", "b"],
  },
  {
    what: "a configuration as text",
    read: (text) => [
      checkPools(text, () => null, []),
      checkPools(
        [{ name: text, match: [text], affinity: [text], origins: [{ url: text }] }],
        () => null,
        [],
      ),
    ],
    units: [
      "a",
      "a,",
      "[",
      "{",
      "/",
      "//",
      "@",
      "//a@",
      '"',
      "\\",
      "path:/:a/",
      "https://a/",
      "-",
      " ",
    ],
  },
];

/** Of every kind that a configuration may have. */
const PATTERNS = [
  "/:a",
  "/rooms/:room/*",
  "/*/:a",
  "/*/x/:a/:b/y",
  "/:a/:b/:c/:d/*",
  "/:a-x",
  "/x:a.json",
  "/*a/:b",
].map(patternKey);

describe("takes time in proportion to its input", () => {
  for (const { what, read, units } of PARSERS) {
    it(what, ({ expect }) => {
      for (const unit of units) expectLinear(expect, read, unit);
    });
  }
});
