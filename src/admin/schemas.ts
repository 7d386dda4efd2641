import * as v from "valibot";

import { parseDuration } from "../config/duration.ts";
import { BY } from "../model.ts";
import type { OriginChange } from "../pools/control.ts";

/** What the admin routes accept. Unknown fields are refused by name. */

export const PAGE_MOST = 1_000;
const PAGE_DEFAULT = 100;

const limit = v.pipe(
  v.string(),
  v.regex(/^\d{1,4}$/, `a whole number from 1 to ${PAGE_MOST}`),
  v.transform(Number),
  v.minValue(1, `a whole number from 1 to ${PAGE_MOST}`),
  v.maxValue(PAGE_MOST, `a whole number from 1 to ${PAGE_MOST}`),
);

export const sessionsQuery = v.strictObject({
  pool: v.optional(v.string()),
  origin: v.optional(v.string()),
  by: v.optional(v.picklist(BY, `one of ${BY.join(", ")}`)),
  limit: v.optional(limit, String(PAGE_DEFAULT)),
  cursor: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^[a-z0-9-]{1,32}~[\w.-]{1,1024}$/, "a cursor from an earlier page"),
    ),
  ),
});

export const releaseQuery = v.strictObject({
  pool: v.optional(v.string()),
  origin: v.optional(v.string()),
});

export const eventsQuery = v.strictObject({
  limit: v.optional(limit, String(PAGE_DEFAULT)),
  cursor: v.optional(
    v.pipe(v.string(), v.regex(/^\d{1,16}\.\d{1,4}$/, "a cursor from an earlier page")),
  ),
});

const JSON_OBJECT = "a JSON object";

export const moveBody = v.strictObject(
  { origin: v.string("the name of an origin of the pool") },
  JSON_OBJECT,
);

const STATE = 'one of "active", "draining", "disabled", or null';
const DEADLINE = 'a duration from 1s to 365d such as "5m", or "none"';

export const originBody = v.pipe(
  v.strictObject(
    {
      state: v.optional(v.nullable(v.picklist(["active", "draining", "disabled"], STATE))),
      weight: v.optional(
        v.nullable(
          v.pipe(
            v.number("a whole number from 0 to 1000, or null"),
            v.integer("a whole number from 0 to 1000, or null"),
            v.minValue(0, "a whole number from 0 to 1000, or null"),
            v.maxValue(1000, "a whole number from 0 to 1000, or null"),
          ),
        ),
      ),
      deadline: v.optional(
        v.pipe(
          v.string(DEADLINE),
          v.check((given) => given === "none" || deadlineMs(given) !== null, DEADLINE),
        ),
      ),
    },
    JSON_OBJECT,
  ),
  v.check((body) => Object.keys(body).length > 0, "at least one of state, weight and deadline"),
);

const LEAST_DEADLINE_MS = 1_000;
const MOST_DEADLINE_MS = 365 * 86_400_000;

function deadlineMs(given: string): number | null {
  const durationMs = parseDuration(given);
  const fits =
    durationMs !== null && durationMs >= LEAST_DEADLINE_MS && durationMs <= MOST_DEADLINE_MS;
  return fits ? durationMs : null;
}

/** The change as the control object takes it. */
export function toChange({
  state,
  weight,
  deadline,
}: v.InferOutput<typeof originBody>): OriginChange {
  return {
    ...(state === undefined ? {} : { state }),
    ...(weight === undefined ? {} : { weight }),
    ...(deadline === undefined
      ? {}
      : { drainMs: deadline === "none" ? null : deadlineMs(deadline) }),
  };
}

export type SessionsQuery = v.InferOutput<typeof sessionsQuery>;

/** The problems of some input in one sentence; names the fields, never repeats long values. */
export function describe(issues: readonly v.BaseIssue<unknown>[]): string {
  return issues
    .map((issue) => {
      const field = v.getDotPath(issue) ?? "input";
      const isUnknown = issue.type === "strict_object" && issue.expected === "never";
      return isUnknown ? `unknown field "${field}"` : `${field}: expected ${issue.message}`;
    })
    .join("; ");
}
