import ms from "ms";
import * as v from "valibot";

const SHAPE = /^\d{1,9}(?:\.\d{1,3})?(ms|s|m|h|d)$/;

/** The units of a duration, the longest first, in ms. */
export const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
] as const;

/** Milliseconds of a duration such as "30m"; null unless it is a number with one of ms, s, m, h, d. */
export function parseDuration(text: string): number | null {
  return SHAPE.test(text) ? ms(text as ms.StringValue) : null;
}

/** The shortest exact way to write a duration, for messages. */
export function showDuration(durationMs: number): string {
  const unit = UNITS.find(([, size]) => durationMs >= size && durationMs % size === 0);
  return unit ? `${durationMs / unit[1]}${unit[0]}` : `${durationMs}ms`;
}

/** A schema for a duration between two bounds in ms; `also` admits values below the lower one. */
export function duration(minMs: number, maxMs: number, also: readonly number[] = []) {
  const extra = also.map((value) => `"${value === 0 ? "0s" : showDuration(value)}" or `).join("");
  const expected = `${extra}a duration from ${showDuration(minMs)} to ${showDuration(maxMs)}, such as "${showDuration(Math.max(minMs, 30_000))}"`;
  return v.pipe(
    v.string(expected),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const value = parseDuration(dataset.value);
      if (value === null || ((value < minMs || value > maxMs) && !also.includes(value))) {
        addIssue({ message: expected });
        return NEVER;
      }
      return value;
    }),
  );
}
