import * as v from "valibot";

import { BY } from "../model.ts";

/** What several routes accept and answer. */

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
export const state = v.picklist(["active", "draining", "disabled"]);
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
