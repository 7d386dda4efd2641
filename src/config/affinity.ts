import * as v from "valibot";

import { BY, type By } from "../model.ts";
import { oneOf, table, text, token, whole } from "./table.ts";

/** The affinity rules of a pool as they are written: objects, or shorthand strings for them. */

const HOST = /^\.?[a-z0-9-]+(\.[a-z0-9-]+)*$/i;

const cookieSettings = v.pipe(
  table({
    name: v.nullish(token("a cookie name"), null),
    path: v.optional(
      text(/^\/[!-:<-~]*$/, 'a path that starts with "/", without ";" or blanks'),
      "/",
    ),
    domain: v.nullish(text(HOST, 'a domain, such as "example.com"'), null),
    same_site: v.optional(oneOf(["Strict", "Lax", "None"]), "Lax"),
    secure: v.nullish(v.boolean("true or false"), null),
    partitioned: v.optional(v.boolean("true or false"), false),
    lifetime: v.optional(oneOf(["session", "permanent"]), "session"),
  }),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const { name, path, domain, same_site, secure, partitioned } = dataset.value;
    const prefix = name?.toLowerCase();
    if (prefix?.startsWith("__host-") && (path !== "/" || domain !== null)) {
      addIssue({ message: 'no Domain and the Path "/" with a name that starts with "__Host-"' });
    }
    if (secure === false && (same_site === "None" || partitioned || prefix?.startsWith("__"))) {
      addIssue({
        message: "secure = true (or none) with SameSite=None, partitioned or a __ prefix",
      });
    }
  }),
);

export type CookieTable = v.InferOutput<typeof cookieSettings>;

const learn = oneOf(["request", "response", "both"]);
const cookie = v.optional(cookieSettings, {});
const pathPattern = v.pipe(
  text(/^\/[^?#]*$/, 'a path pattern, such as "/rooms/:room/*"'),
  v.check((pattern) => {
    try {
      return (
        firstGroup(pattern) !== null &&
        isTame(pattern) &&
        new URLPattern({ pathname: pattern }).test({ pathname: "" }) === false
      );
    } catch {
      return false;
    }
  }, 'a URLPattern path with a named group, one group or "*" in a segment, one "*" in all, and no regular expressions, braces or modifiers, such as "/rooms/:room/*"'),
);

/**
 * Whether the pattern's time is bounded by the length of the path. It becomes a regular expression, and
 * two groups that may share what stands between them are tried in every combination: "/:a-:b-:c" takes
 * seconds for a path of 2,000 dashes, "/{:a}*x" for one of 30 letters.
 */
function isTame(pattern: string): boolean {
  const bare = pattern.replaceAll(/\\./g, "");
  if (/[(){}+]|:[\w$]*[^ -~]/.test(bare)) return false;
  const segments = bare.split("/").map((segment) => segment.split(/[:*]/).length - 1);
  return segments.every((wild) => wild <= 1) && bare.split("*").length <= 2;
}

/** The name of the first named group; null if there is none or the pattern holds a user's regexp. */
export function firstGroup(pattern: string): string | null {
  if (/[()]/.test(pattern)) return null;
  return /(?<!\\):([A-Za-z_$][\w$]*)/.exec(pattern)?.[1] ?? null;
}

const rules = {
  cookie: table({
    by: v.literal("cookie"),
    pin: v.optional(oneOf(["cookie"]), "cookie"),
    cookie,
  }),
  "app-cookie": v.pipe(
    table({
      by: v.literal("app-cookie"),
      name: token("a cookie name"),
      pin: v.optional(oneOf(["map", "cookie", "route", "embed", "hash"]), "map"),
      learn: v.optional(learn, "response"),
      separator: v.optional(text(/^[!-~]$/, "one printable character"), "."),
      cookie: v.optional(cookieSettings),
    }),
    v.check(
      (rule) => rule.cookie === undefined || rule.pin === "cookie",
      'no cookie settings unless pin = "cookie"',
    ),
  ),
  header: table({
    by: v.literal("header"),
    name: token("a header name"),
    pin: v.optional(oneOf(["map", "route", "embed", "hash"]), "map"),
    learn: v.optional(learn, "both"),
    separator: v.optional(text(/^[!-~]$/, "one printable character"), "."),
  }),
  query: table({
    by: v.literal("query"),
    name: text(/^[^&=#\s]{1,256}$/, "a query parameter's name"),
    pin: v.optional(oneOf(["map", "route", "hash"]), "map"),
    learn: v.optional(oneOf(["request"]), "request"),
    separator: v.optional(text(/^[!-~]$/, "one printable character"), "."),
  }),
  path: v.pipe(
    table({
      by: v.literal("path"),
      pattern: v.optional(pathPattern),
      matrix: v.optional(text(/^[^/;=?#\s]{1,256}$/, "a matrix parameter's name")),
      pin: v.optional(oneOf(["hash", "map", "route"])),
      learn: v.optional(oneOf(["request"]), "request"),
      separator: v.optional(text(/^[!-~]$/, "one printable character"), "."),
    }),
    v.check(
      (rule) => (rule.pattern === undefined) !== (rule.matrix === undefined),
      "either pattern or matrix",
    ),
  ),
  ip: table({
    by: v.literal("ip"),
    v4: v.optional(whole(8, 32), 32),
    v6: v.optional(whole(16, 128), 64),
    pin: v.optional(oneOf(["map", "hash"]), "map"),
    learn: v.optional(oneOf(["request"]), "request"),
  }),
} as const satisfies Record<By, v.GenericSchema>;

const SHORTHANDS =
  '"cookie", "ip", "app-cookie:NAME", "header:NAME", "query:NAME", "path:/PATTERN", or a table with by = …';

/** What a shorthand stands for; null if it is none. */
function expand(shorthand: string): unknown {
  if (shorthand === "cookie" || shorthand === "ip") return { by: shorthand };
  const colon = shorthand.indexOf(":");
  if (colon === -1) return null;
  const by = shorthand.slice(0, colon);
  const rest = shorthand.slice(colon + 1);
  if (by === "app-cookie" || by === "header" || by === "query") return { by, name: rest };
  return by === "path" ? { by, pattern: rest } : null;
}

const ruleTable = v.lazy((input: unknown) => {
  const by = (input as { by?: unknown } | null)?.by;
  const known = BY.find((word) => word === by);
  return known ? rules[known] : table({ by: oneOf(BY) });
});

const rule = v.pipe(
  v.union([v.string(), v.looseObject({})], SHORTHANDS),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const given = dataset.value;
    const expanded = typeof given === "string" ? expand(given) : given;
    if (expanded === null) {
      addIssue({ message: SHORTHANDS });
      return NEVER;
    }
    return expanded;
  }),
  ruleTable,
) as unknown as v.GenericSchema<unknown, RuleTable>;

/** As they are written. */
export type RuleInput = {
  [K in keyof typeof rules]: v.InferInput<(typeof rules)[K]>;
}[keyof typeof rules];
type AffinityInput = RuleInput | string | (RuleInput | string)[];

export type RuleTable = {
  [K in keyof typeof rules]: v.InferOutput<(typeof rules)[K]>;
}[keyof typeof rules];

/** `affinity` of a pool, and `AFFINITY`: one shorthand, or a list of shorthands and rules. */
export const affinity = v.pipe(
  v.unknown(),
  v.transform((given) => (given === "none" ? [] : Array.isArray(given) ? given : [given])),
  v.array(rule),
) as v.GenericSchema<unknown, RuleTable[]> as v.GenericSchema<AffinityInput, RuleTable[]>;
