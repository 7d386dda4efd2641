import * as v from "valibot";

/**
 * A TOML table: every unknown field is refused by name, missing ones are told apart from wrong ones. A
 * strict object by its types; valibot's own stops at the first unknown field.
 */
export function table<const T extends v.ObjectEntries>(entries: T) {
  const known = Object.keys(entries).join(", ");
  const nothing = v.never(`no such setting here; known are: ${known}`);
  const schema: unknown = v.pipe(
    v.unknown(),
    v.check((given) => !hasPassedOver(given), `no settings but: ${known}`),
    v.objectWithRest(entries, nothing, (issue) =>
      issue.received === "undefined"
        ? "this setting, which has no default"
        : `a table with: ${known}`,
    ),
  );
  return schema as v.StrictObjectSchema<T, v.ErrorMessage<v.StrictObjectIssue>>;
}

/** Fields that valibot leaves out without a word, whatever is said of the rest. */
function hasPassedOver(given: unknown): boolean {
  if (typeof given !== "object" || given === null) return false;
  return ["__proto__", "prototype", "constructor"].some((name) => Object.hasOwn(given, name));
}

/** A whole number between two bounds, both included. */
export function whole(min: number, max: number) {
  const expected = `a whole number from ${min} to ${max}`;
  return v.pipe(
    v.number(expected),
    v.integer(expected),
    v.minValue(min, expected),
    v.maxValue(max, expected),
  );
}

export function oneOf<const T extends readonly string[]>(words: T) {
  return v.picklist(words, `one of ${words.map((word) => `"${word}"`).join(", ")}`);
}

export function text(shape: RegExp, expected: string) {
  return v.pipe(v.string(expected), v.regex(shape, expected));
}

/** RFC 9110 §5.6.2 token: what a header or cookie name is made of. */
export const token = (what: string) =>
  text(/^[!#$%&'*+.^_`|~\w-]{1,256}$/, `${what}, without blanks`);
