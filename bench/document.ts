import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../test/kit/bundle.ts";

/** docs/performance.md and its figures: what the bench commands write with --write. */

const page = "docs/performance.md";

export type Row = readonly (string | number)[];

/** A Markdown table; the first row is the head. */
export function table(rows: readonly Row[]): string {
  const line = (row: Row): string => `| ${row.join(" | ")} |`;
  const [head = [], ...body] = rows;
  return [line(head), line(head.map(() => "---")), ...body.map(line)].join("\n");
}

/** The text with what is between a section's two marks replaced. Throws if the marks are not there. */
export function replaceSection(text: string, section: string, content: string): string {
  const [begin, end] = [`<!-- generated: ${section}`, `<!-- end: ${section} -->`];
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${page} has no section ${section}`);
  const start = text.indexOf("-->", from) + 3;
  return `${text.slice(0, start)}\n\n${content.trim()}\n\n${text.slice(to)}`;
}

export function writeSection(section: string, content: string): void {
  const path = join(projectRoot, page);
  writeFileSync(path, replaceSection(readFileSync(path, "utf8"), section, content));
  spawnSync(join(projectRoot, "node_modules/.bin/oxfmt"), [path]);
  process.stdout.write(`written: ${page}, ${section}\n`);
}

/** Writes a figure and returns the Markdown that shows it. */
export function writeFigure(name: string, title: string, svg: string): string {
  const folder = join(projectRoot, "docs/figures");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.svg`), svg);
  return `![${title}](figures/${name}.svg)`;
}
