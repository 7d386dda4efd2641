import * as fc from "fast-check";
import { describe, it } from "vitest";

import { readQuery } from "../../../src/admin/input.ts";
import { sessionsQuery } from "../../../src/admin/schemas.ts";
import { setCookie } from "../../../src/affinity/set-cookie.ts";
import { checkPools, readConfig } from "../../../src/config/config.ts";
import { cookieBase, cookieName } from "../../../src/shared/cookie-name.ts";
import type { Pool, Problem } from "../../../src/model.ts";
import { BINDINGS } from "../config/fixtures.ts";
import { runs, textOf } from "./runs.ts";

/** Every setting there is, and right. */
const RIGHT = {
  name: "shop",
  match: ["shop.example.com/*"],
  balance: "nearest",
  skip: ["/assets/*"],
  client_ip: { header: "x-forwarded-for", trusted: ["10.0.0.0/8"] },
  affinity: [
    { by: "cookie", cookie: { name: "pin", path: "/", same_site: "Lax", lifetime: "permanent" } },
    { by: "app-cookie", name: "SID", pin: "cookie", cookie: { domain: "example.com" } },
    { by: "header", name: "X-Session", pin: "route", separator: "." },
    { by: "path", pattern: "/rooms/:room/*", pin: "hash" },
    "query:sid",
    "ip",
  ],
  origins: [
    { name: "app-1", url: "https://app-1.example.com/base", weight: 2, route: "n1", version: "v1" },
    { url: "https://app-2.example.com", regions: ["EU"], tier: 1, max_sessions: 5 },
  ],
  sessions: { idle: "30m", ttl: "23h", lease: "60s", shards: 16, shards_before: [4] },
  failover: { on_lost: "repin", retry_status: [502], timeout: "30s" },
  health: { path: "/healthz", expect: "2xx", passive: { failures: 3, window: "10s" } },
  drain: { deadline: "5m" },
};

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type Path = readonly (string | number)[];

/** Every place in a value. */
function placesIn(value: unknown, at: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [at];
  const keys = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  const record = value as Readonly<Record<string | number, unknown>>;
  return [at, ...keys.flatMap((key) => placesIn(record[key], [...at, key]))];
}

function replaced(value: unknown, [key, ...rest]: Path, by: unknown): unknown {
  if (key === undefined) return by;
  if (Array.isArray(value)) return value.with(Number(key), replaced(value[Number(key)], rest, by));
  const record = value as Readonly<Record<string, unknown>>;
  return { ...record, [key]: replaced(record[key], rest, by) };
}

const text = textOf(
  "\r\n",
  "\0",
  ";",
  "=",
  ",",
  "/",
  "*",
  ":a",
  "{",
  "(",
  "__proto__",
  "app-1",
  "%",
  "é",
);
const anything = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>,
  text,
  fc.constantFrom<Json>(0, -1, 1e21, 0.1, "", "none", "0s", "1s", "7d", [], {}, [[]], null, true),
);

/** The right pools with a few places replaced by anything. */
const broken = fc
  .array(fc.tuple(fc.nat(), anything), { minLength: 1, maxLength: 4 })
  .map((changes) => {
    let pools: unknown = [RIGHT];
    for (const [at, by] of changes) {
      const places = placesIn(pools);
      pools = replaced(pools, places[at % places.length] ?? [], by);
    }
    return pools;
  });

/** Whether a problem's path leads somewhere in what was given; its last step may be what is missing. */
function leadsSomewhere(path: string, given: unknown): boolean {
  // Text that is no JSON is a list by commas.
  if (typeof given === "string") return true;
  const places = new Set(
    placesIn(given).map((place) =>
      place.reduce<string>(
        (whole, key) => whole + (typeof key === "number" ? `[${key}]` : `.${key}`),
        "POOLS",
      ),
    ),
  );
  // A single rule may stand without its list.
  const whole = [path, path.replace("affinity[0]", "affinity")];
  const above = whole.map((one) => one.replace(/(\[\d+\]|\.[^.[]*)$/, ""));
  return [...whole, ...above].some((one) => places.has(one));
}

/** What of a configuration gets into headers, logs and names of objects. */
function expectHarmless(pool: Pool): void {
  const words = [pool.name, ...pool.origins.flatMap(({ name, route }) => [name, route])];
  for (const word of words) {
    if (!/^[\w.~!*-]{1,64}$/.test(word)) throw new Error(`a name of ${JSON.stringify(word)}`);
  }
  for (const rule of pool.rules.filter(({ pin }) => pin === "cookie")) {
    const name = cookieName(rule.cookie, cookieBase(rule), pool.name, "https:");
    const line = setCookie(name, "value", rule.cookie, "https:", 1);
    if (!/^[!#$%&'*+.^_`|~\w-]+=value; Path=\/[!-:<-~]*;( [\w=.-]+;?)+$/.test(line)) {
      throw new Error(line);
    }
  }
  for (const { url } of pool.origins) {
    if (!/^https?:\/\/[!-~]+$/.test(url)) throw new Error(`a URL of ${JSON.stringify(url)}`);
  }
}

describe("a configuration that is right but for a few places", () => {
  it("is read, or refused at places that exist, in words; nothing is thrown", ({ expect }) => {
    fc.assert(
      fc.property(broken, (pools) => {
        const problems: Problem[] = [];
        const read = checkPools(pools, () => null, problems);
        if (problems.length === 0) {
          expect(read).toHaveLength((pools as unknown[]).length);
          read.forEach(expectHarmless);
        }
        for (const { path, value, expected } of problems) {
          expect(leadsSomewhere(path, pools), path).toBe(true);
          expect(value).not.toBe("");
          expect(value.length).toBeLessThanOrEqual(120);
          expect(expected).not.toMatch(/^(Invalid|Expected) /);
        }
      }),
      runs(1_000),
    );
  });

  it("is the same as JSON text", ({ expect }) => {
    fc.assert(
      fc.property(broken.filter(Array.isArray), (pools) => {
        const asText = readConfig({ ...BINDINGS, POOLS: JSON.stringify(pools) });
        const asValue = readConfig({ ...BINDINGS, POOLS: JSON.parse(JSON.stringify(pools)) });
        expect(asText).toEqual(asValue);
      }),
      runs(200),
    );
  });
});

describe("whatever an operator asks of the admin", () => {
  it("is read, or refused in words that repeat no value", ({ expect }) => {
    const query = textOf(
      "limit=",
      "cursor=",
      "pool=",
      "by=ip",
      "&",
      "=",
      "%",
      "%0d%0a",
      "shop~1.a",
      "-1",
    );
    fc.assert(
      fc.property(query, (given) => {
        const read = readQuery(sessionsQuery, `https://a.example/?${given}`);
        if ("value" in read) {
          const { limit, cursor } = read.value as { limit: number; cursor?: string };
          expect(limit).toBeGreaterThanOrEqual(1);
          expect(limit).toBeLessThanOrEqual(1_000);
          expect(cursor ?? "a~b").toMatch(/^[a-z0-9-]+~[\w.-]+$/);
        } else {
          expect(read.code).toBe("invalid_input");
        }
      }),
      runs(1_000),
    );
  });
});
