import * as v from "valibot";

/** What the admin routes accept. Unknown fields are refused by name. */

const BY = ["cookie", "app-cookie", "header", "query", "path", "ip"] as const;
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
    v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,32}~[\w.-]{1,64}$/, "a cursor from an earlier page")),
  ),
});

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
