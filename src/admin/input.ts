import * as v from "valibot";

import type { Failure } from "../outcome.ts";
import type { Fields } from "./endpoint.ts";

/** What comes in: parsed, or refused with the names of all fields that are wrong. */

type Input = { readonly value: unknown } | Failure;

const BODY_MOST_BYTES = 1 << 20;

/** A query parameter that stands there twice is refused: which one would count? */
export function readQuery(schema: Fields | null, url: string): Input {
  const { searchParams } = new URL(url);
  const names = [...searchParams.keys()];
  const repeated = new Set(names.filter((name, at) => names.indexOf(name) !== at));
  if (repeated.size > 0) {
    return refusal([...repeated].map((name) => `${named(name)}: given more than once`));
  }
  return parsed(schema ?? v.strictObject({}), Object.fromEntries(searchParams));
}

export async function readBody(schema: Fields | null, request: Request): Promise<Input> {
  if (schema === null) return { value: undefined };
  const text = await request.text();
  if (text.length > BODY_MOST_BYTES) return refusal(["input: expected at most 1 MiB"]);
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    given = undefined;
  }
  // No schema takes undefined, and its own message says what it takes. A list is an object to all.
  return parsed(schema, Array.isArray(given) ? undefined : given);
}

function parsed(schema: Fields, given: unknown): Input {
  const result = v.safeParse(schema, given);
  return result.success ? { value: result.output } : refusal(result.issues.map(told));
}

function refusal(problems: readonly string[]): Failure {
  return { code: "invalid_input", detail: [...new Set(problems)].join("; ") };
}

/** Names the field, never repeats its value. */
function told(issue: v.BaseIssue<unknown>): string {
  const field = named(v.getDotPath(issue) ?? "input");
  const isUnknown = issue.type === "strict_object" && issue.expected === "never";
  return isUnknown
    ? `unknown field ${JSON.stringify(field)}`
    : `${field}: expected ${issue.message}`;
}

function named(field: string): string {
  return field.length > 64 ? `${field.slice(0, 61)}...` : field;
}
