import * as v from "valibot";

import { BY, PINS, STATES } from "../model.ts";
import { OUTCOMES } from "../outcome.ts";

/** What the routes answer, and what several of them accept. The command line takes its types from here. */

const PAGE_MOST = 1_000;
const PAGE_DEFAULT = "100";
const LIMIT = `a whole number from 1 to ${PAGE_MOST}`;

export const limit = v.optional(
  v.pipe(
    v.string(),
    v.regex(/^\d{1,4}$/, LIMIT),
    v.transform(Number),
    v.minValue(1, LIMIT),
    v.maxValue(PAGE_MOST, LIMIT),
  ),
  PAGE_DEFAULT,
);

export const cursorOf = (shape: RegExp) =>
  v.optional(v.pipe(v.string(), v.regex(shape, "a cursor from an earlier page")));

/** A JSON object; unknown fields are refused by name, missing ones are told apart from wrong ones. */
export function fields<const T extends v.ObjectEntries>(entries: T) {
  return v.strictObject(entries, ({ path }) =>
    path === undefined ? "a JSON object" : "to be given",
  );
}

export const by = v.picklist(BY, `one of ${BY.join(", ")}`);
export const state = v.picklist(STATES);
export const health = v.picklist(["up", "down"]);
export const count = v.pipe(v.number(), v.integer(), v.minValue(0));
export const instant = v.pipe(v.string(), v.isoTimestamp());

export const sessionView = v.strictObject({
  id: v.string(),
  pool: v.string(),
  by,
  origin: v.string(),
  created: instant,
  seen: instant,
  expires: instant,
});
export type SessionView = v.InferOutput<typeof sessionView>;

export const originView = v.strictObject({
  name: v.string(),
  state,
  health,
  weight: count,
  tier: count,
  sessions: count,
  generation: count,
  /** For If-Match: changes when somebody changes, drains or releases the origin. */
  etag: v.string(),
  /** While draining; null otherwise. `deadline` null: until the last session ends. */
  drain: v.nullable(
    v.strictObject({ since: instant, deadline: v.nullable(instant), sessions: count }),
  ),
});
export type OriginView = v.InferOutput<typeof originView>;

export const poolView = v.strictObject({ name: v.string(), origins: v.array(originView) });
export type PoolView = v.InferOutput<typeof poolView>;

/** `<pool>~<place in its map>`. */
export const cursorShape = /^[a-z0-9-]{1,32}~[\w.-]{1,1024}$/;

export const sessionsQuery = v.strictObject({
  pool: v.optional(v.string()),
  origin: v.optional(v.string()),
  by: v.optional(by),
  limit,
  cursor: cursorOf(cursorShape),
});
export type SessionsQuery = v.InferOutput<typeof sessionsQuery>;

export const eventView = v.strictObject({
  time: instant,
  pool: v.string(),
  kind: v.string(),
  origin: v.nullable(v.string()),
  cause: v.string(),
});
export type EventView = v.InferOutput<typeof eventView>;

const verdict = v.picklist([
  "absent",
  "invalid",
  "expired",
  "unknown",
  "usable",
  "lost",
  "skipped",
  "degraded",
]);
export type Verdict = v.InferOutput<typeof verdict>;

const ruleVerdict = v.strictObject({
  by,
  /** The cookie, header, parameter or pattern; empty where there is nothing to name. */
  name: v.string(),
  pin: v.picklist(PINS),
  /** The session's id in the map, an HMAC; null if the request shows no key. */
  key: v.nullable(v.string()),
  verdict,
  why: v.string(),
  /** Where its pin says the session is; null without one. */
  origin: v.nullable(v.string()),
  /** Seconds since the pin was last renewed; null where pins have no age. */
  age: v.nullable(count),
});
export type RuleVerdict = v.InferOutput<typeof ruleVerdict>;

const candidate = v.strictObject({
  origin: v.string(),
  /** Whether it may serve this request. */
  usable: v.boolean(),
  why: v.string(),
});
export type Candidate = v.InferOutput<typeof candidate>;

export const explanation = v.strictObject({
  pool: v.nullable(v.string()),
  rules: v.array(ruleVerdict),
  candidates: v.array(candidate),
  /** Null when no origin would get the request. */
  chosen: v.nullable(v.string()),
  outcome: v.picklist(OUTCOMES),
  reason: v.string(),
});
export type Explanation = v.InferOutput<typeof explanation>;

const move = v.strictObject({
  pool: v.string(),
  from: v.string(),
  /** Null: nobody could take them, or their pool is gone and their pins with it. */
  to: v.nullable(v.string()),
  sessions: count,
  /** `drained`: when the drain ends that this begins. `rule`: no rule reads their pins any more. */
  reason: v.picklist(["disabled", "drained", "removed", "rule"]),
});
export type Move = v.InferOutput<typeof move>;

export const forecast = v.union([
  v.strictObject({
    problems: v.array(
      v.strictObject({ path: v.string(), value: v.string(), expected: v.string() }),
    ),
  }),
  v.strictObject({
    moves: v.array(move),
    /** Whether these are counts; if not, some were counted in a sample. */
    exact: v.boolean(),
  }),
]);
export type Forecast = v.InferOutput<typeof forecast>;
