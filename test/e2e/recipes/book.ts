import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../../kit/bundle.ts";

/** A fenced block of TOML in a page of the documentation. */
export interface Block {
  /** The heading above it. */
  readonly heading: string;
  /** Its line in the page, from 1. */
  readonly line: number;
  readonly toml: string;
}

/** All of a page's blocks of TOML, in order. */
export function blocksOf(page: string): Block[] {
  const lines = readFileSync(join(projectRoot, page), "utf8").split("\n");
  const blocks: Block[] = [];
  let heading = "";
  for (let at = 0; at < lines.length; at++) {
    const text = lines[at] ?? "";
    if (text.startsWith("#")) heading = text.replace(/^#+ /, "");
    if (!text.startsWith("```")) continue;
    const end = lines.indexOf("```", at + 1);
    const toml = lines.slice(at + 1, end).join("\n");
    if (text === "```toml") blocks.push({ heading, line: at + 2, toml });
    // A block of another language is stepped over: a "#" in it is no heading.
    at = end;
  }
  return blocks;
}

/** The recipe under a heading; `nth` where there are several. Throws if there is none. */
export function recipeOf(heading: string, nth = 0): Block {
  const found = blocksOf("docs/recipes.md").filter((block) => block.heading === heading)[nth];
  if (!found) throw new Error(`docs/recipes.md has no block ${nth} under "${heading}"`);
  return found;
}
