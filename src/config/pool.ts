import ipaddr from "ipaddr.js";
import * as v from "valibot";

import { BALANCES, STATES } from "../model.ts";
import { affinity } from "./affinity.ts";
import { duration } from "./duration.ts";
import { oneOf, table, text, token, whole } from "./table.ts";

/** The form of one entry of POOLS, with the default of every setting. */

const MINUTE = 60_000;
const DAY = 86_400_000;
const WEEK = 7 * DAY;

const glob = text(/^[^?#\s]+$/, 'a host and path glob, such as "shop.example.com/*"');
const pathGlob = text(/^\/[^?#\s]*$/, 'a path glob that starts with "/", such as "/assets/*"');

const HTTP_URL =
  'an http or https URL without query, fragment or credentials, such as "https://app-1.example.com"';
export const originUrl = v.pipe(
  v.string(HTTP_URL),
  v.check((given) => {
    if (!URL.canParse(given) || /[?#\s]/.test(given)) return false;
    const { protocol, username, password } = new URL(given);
    return (protocol === "https:" || protocol === "http:") && username === "" && password === "";
  }, HTTP_URL),
);

type ClientIp = string | { header: string; trusted: string[] };
const clientIp = v.lazy((input: unknown) =>
  typeof input === "object" && input !== null
    ? table({
        header: token("a header name"),
        trusted: v.array(
          v.pipe(
            v.string('an address range, such as "10.0.0.0/8"'),
            v.check(
              (range) => ipaddr.isValidCIDR(range) || ipaddr.isValid(range),
              'an address or range, such as "10.0.0.0/8"',
            ),
          ),
          'a list of address ranges, such as ["10.0.0.0/8"]',
        ),
      })
    : token('a header name, or { header = "x-forwarded-for", trusted = ["10.0.0.0/8"] }'),
) as v.GenericSchema<ClientIp, ClientIp>;

const REGIONS = 'a list of continents, countries or colos, such as ["EU", "DE", "FRA"]';

const origin = v.pipe(
  table({
    name: v.optional(
      text(
        /^[a-z0-9][a-z0-9._-]{0,63}$/,
        "a name of a-z, 0-9, '.', '_' and '-', at most 64 characters",
      ),
    ),
    url: v.optional(originUrl),
    binding: v.optional(text(/^[A-Za-z_]\w*$/, "the name of a service, mTLS or VPC binding")),
    weight: v.optional(whole(0, 1000), 1),
    tier: v.optional(whole(0, 9), 0),
    route: v.optional(
      text(/^[\w~!*-]{1,64}$/, "a route label of letters, digits, '_', '-', '~', '!' and '*'"),
    ),
    regions: v.optional(v.array(text(/^[A-Za-z]{2,3}$/, REGIONS), REGIONS), []),
    version: v.nullish(text(/^[!-~]{1,64}$/, "a version label without blanks"), null),
    max_sessions: v.nullish(whole(1, 1_000_000_000), null),
    state: v.optional(oneOf(STATES), "active"),
  }),
  v.check(
    ({ url, binding }) => url !== undefined || binding !== undefined,
    "an origin with a url, a binding, or both",
  ),
);

const sessions = v.pipe(
  table({
    idle: v.optional(duration(1000, WEEK), "30m"),
    ttl: v.optional(duration(1000, WEEK), "23h"),
    lease: v.optional(duration(1000, WEEK, [0])),
    record: v.optional(oneOf(["first", "return", "never"]), "first"),
    store: v.optional(oneOf(["durable", "kv"]), "durable"),
    max: v.optional(whole(1, 1_000_000_000), 1_000_000),
    shards: v.optional(whole(1, 1024), 16),
    shards_before: v.optional(v.array(whole(1, 1024), "a list of shard counts"), []),
  }),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const { idle, lease, store, shards, shards_before: before } = dataset.value;
    const at = (key: keyof typeof dataset.value, message: string) =>
      addIssue({
        message,
        path: [
          { type: "object", origin: "value", input: dataset.value, key, value: dataset.value[key] },
        ],
      });
    if (typeof lease === "number" && typeof idle === "number" && lease > idle / 2) {
      at("lease", "at most half of idle");
    }
    if (store === "kv" && typeof idle === "number" && idle < MINUTE) {
      at("idle", 'at least "1m" with store = "kv"');
    }
    if (before?.includes(shards)) {
      at("shards_before", `counts other than shards (${shards})`);
    }
  }),
);

const status = whole(100, 599);
const expect = v.pipe(
  v.unknown() as v.GenericSchema<string | number[]>,
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const ranges = parseExpect(dataset.value);
    if (ranges === null) {
      addIssue({ message: '"2xx", a range such as "200-399", or a list such as [200, 204]' });
      return NEVER;
    }
    return ranges;
  }),
);

function parseExpect(given: unknown): (readonly [number, number])[] | null {
  if (typeof given === "string") {
    const one = /^([1-5])xx$/.exec(given);
    if (one) return [[Number(one[1]) * 100, Number(one[1]) * 100 + 99]];
    const range = /^([1-5]\d\d)-([1-5]\d\d)$/.exec(given);
    return range && Number(range[1]) <= Number(range[2])
      ? [[Number(range[1]), Number(range[2])]]
      : null;
  }
  if (!Array.isArray(given) || given.length === 0) return null;
  return given.every((code) => v.is(status, code))
    ? given.map((code: number) => [code, code] as const)
    : null;
}

const passive = table({
  failures: v.optional(whole(1, 1000), 3),
  window: v.optional(duration(1000, DAY), "10s"),
  eject: v.optional(duration(1000, DAY), "30s"),
  max_ejected: v.optional(
    v.pipe(
      v.number("a share from 0 to 1"),
      v.minValue(0, "a share from 0 to 1"),
      v.maxValue(1, "a share from 0 to 1"),
    ),
    0.5,
  ),
});

const RATE = 'a share of the sessions per minute, such as "5%/min"';

export const pool = table({
  name: text(/^[a-z0-9-]{1,32}$/, "a name of a-z, 0-9 and '-', at most 32 characters"),
  match: v.optional(
    v.array(glob, 'a list of host and path globs, such as ["shop.example.com/*"]'),
    [],
  ),
  balance: v.optional(oneOf(BALANCES), "round-robin"),
  skip: v.optional(v.array(pathGlob, 'a list of path globs, such as ["/assets/*"]'), []),
  client_ip: v.optional(clientIp, "cf-connecting-ip"),
  affinity: v.optional(affinity, ["cookie"]),
  origins: v.pipe(v.array(origin, "a list of origins"), v.minLength(1, "at least one origin")),
  sessions: v.optional(sessions, {}),
  failover: v.optional(
    table({
      on_lost: v.optional(oneOf(["repin", "detour", "refuse"]), "repin"),
      refuse_status: v.optional(whole(400, 599), 503),
      retries: v.optional(whole(0, 10), 1),
      retry_status: v.optional(v.array(whole(400, 599), "a list of status codes"), [502, 503, 504]),
      timeout: v.optional(duration(100, DAY), "30s"),
    }),
    {},
  ),
  health: v.optional(
    table({
      path: v.nullish(text(/^\/[!-~]*$/, 'a path that starts with "/", such as "/healthz"'), null),
      interval: v.optional(duration(1000, DAY), "30s"),
      timeout: v.optional(duration(100, DAY), "5s"),
      rise: v.optional(whole(1, 100), 2),
      fall: v.optional(whole(1, 100), 3),
      expect: v.optional(expect, "2xx"),
      passive: v.optional(passive, {}),
    }),
    {},
  ),
  rebalance: v.nullish(
    table({
      idle: duration(1000, WEEK),
      rate: v.pipe(
        v.string(RATE),
        v.rawTransform(({ dataset, addIssue, NEVER }) => {
          const percent = Number(/^(\d{1,3}(?:\.\d{1,2})?)%\/min$/.exec(dataset.value)?.[1]);
          if (percent > 0 && percent <= 100) return percent / 100;
          addIssue({ message: RATE });
          return NEVER;
        }),
      ),
    }),
    null,
  ),
  drain: v.optional(
    table({
      deadline: v.optional(
        v.lazy((input: unknown) =>
          input === "none" ? v.literal("none") : duration(1000, 365 * DAY),
        ) as v.GenericSchema<string, number | "none">,
        "5m",
      ),
    }),
    {},
  ),
});

/** As it is written. */
export type PoolInput = v.InferInput<typeof pool>;
export type PoolTable = v.InferOutput<typeof pool>;
export type OriginTable = PoolTable["origins"][number];
