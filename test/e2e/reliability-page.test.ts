import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import { projectRoot } from "../kit/bundle.ts";

/** Every test that a page of ours calls a proof: `file.test.ts` and, in quotes, part of its name. */
const page = readFileSync(join(projectRoot, "docs/reliability.md"), "utf8");

/** The text of all test files of a name. */
const texts = new Map<string, string>();
for (const entry of readdirSync(join(projectRoot, "test"), {
  recursive: true,
  withFileTypes: true,
})) {
  const { name, parentPath } = entry;
  if (!name.endsWith(".test.ts")) continue;
  const text = readFileSync(join(parentPath, name), "utf8").replace(/\s+/g, " ");
  texts.set(name, (texts.get(name) ?? "") + text);
}

test("every proof that docs/reliability.md names exists", ({ expect }) => {
  const missing: string[] = [];
  let proofs = 0;
  for (const [, file = "", rest = ""] of page.matchAll(/`([\w-]+\.test\.ts)`((?:,? “[^”]+”)*)/g)) {
    const text = texts.get(file);
    if (text === undefined) {
      missing.push(file);
      continue;
    }
    for (const [, name = ""] of rest.matchAll(/“([^”]+)”/g)) {
      proofs += 1;
      if (!text.includes(name)) missing.push(`${file}: ${name}`);
    }
  }
  expect(missing).toEqual([]);
  expect(proofs).toBeGreaterThan(40);
});
