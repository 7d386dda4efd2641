import { UNITS } from "../config/duration.ts";
import type { Problem } from "../model.ts";

/** Text for people: aligned columns, short times. Pure. */

export type Cell = string | number;

/** Rows under their headings, columns two blanks apart, numbers to the right; ends with a newline. */
export function table(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => String(row[column] ?? "").length)),
  );
  const isNumber = headings.map((_, column) => rows.some((row) => typeof row[column] === "number"));
  return [headings, ...rows]
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return isNumber[column] ? String(cell).padStart(width) : String(cell).padEnd(width);
        })
        .join("  ")
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}

/** One thing: its fields below each other. */
export function fields(pairs: readonly (readonly [string, Cell])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join("");
}

/** How far a time is from now, rounded down: `3m ago`, `in 27m`, `now`. */
export function fromNow(iso: string, now: number): string {
  const apart = Date.parse(iso) - now;
  const unit = UNITS.find(([, size]) => Math.abs(apart) >= size);
  if (unit === undefined) return "now";
  const amount = `${Math.floor(Math.abs(apart) / unit[1])}${unit[0]}`;
  return apart < 0 ? `${amount} ago` : `in ${amount}`;
}

export function count(amount: number, one: string): string {
  return `${amount} ${one}${amount === 1 ? "" : "s"}`;
}

/** A line for each, every one of them behind a line break. */
export function problemList(problems: readonly Problem[]): string {
  return problems
    .map(({ path, value, expected }) => `\n  ${path} is ${value}; expected ${expected}`)
    .join("");
}
