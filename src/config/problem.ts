import type * as v from "valibot";

import type { Problem } from "../model.ts";

/** How a mistake is told: where it is, what stood there, and what would be right. */

export function toProblem(issue: v.BaseIssue<unknown>, root: string, given: unknown): Problem {
  let path = root;
  for (const { key } of issue.path ?? []) {
    path += typeof key === "number" ? `[${key}]` : `.${String(key)}`;
  }
  return { path, value: show(valueAt(given, issue)), expected: issue.message };
}

/** What the operator wrote there, before defaults and conversions. */
function valueAt(given: unknown, issue: v.BaseIssue<unknown>): unknown {
  let value = given;
  for (const { key } of issue.path ?? []) {
    if (typeof value !== "object" || value === null) return issue.input;
    value = (value as Record<string, unknown>)[key as string];
  }
  return value;
}

export function show(value: unknown): string {
  if (value === undefined) return "absent";
  // Credentials in a URL are somebody's secret, even if they are in the wrong place.
  const text = written(value).replace(/\/\/[^/"\s]*@/g, "//(hidden)@");
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}

/** As JSON; what is none (too deep, of another kind) by the name of its kind. */
function written(value: unknown): string {
  try {
    return JSON.stringify(value) ?? typeof value;
  } catch {
    return typeof value;
  }
}
