import { describe, it } from "vitest";

import { parsers } from "./corpus-parsers.ts";

/**
 * Inputs that are odd, hostile, or were counterexamples once, with what they must come to. One file per
 * parser; a new counterexample joins its file.
 */
interface Entry {
  readonly why: string;
  readonly input: unknown;
  readonly expected: unknown;
}

declare global {
  interface ImportMeta {
    glob<T>(pattern: string, options: object): Record<string, T>;
  }
}

// As text: a module would make a prototype of "__proto__".
const files = import.meta.glob<string>("../corpus/*.json", {
  eager: true,
  query: "?raw",
  import: "default",
});

describe.for(Object.keys(parsers))("the corpus of %s", (name) => {
  const entries = JSON.parse(files[`../corpus/${name}.json`] ?? "[]") as readonly Entry[];

  it("is there", ({ expect }) => {
    expect(entries.length).toBeGreaterThan(4);
  });

  it.for(entries.map((entry) => [entry.why, entry] as const))(
    "%s",
    async ([, entry], { expect }) => {
      const read = parsers[name] as (input: unknown) => unknown;
      const found: unknown = JSON.parse(JSON.stringify((await read(entry.input)) ?? null));
      expect(found).toEqual(entry.expected);
    },
  );
});
