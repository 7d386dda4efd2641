import { basename, resolve } from "node:path";

import type { Command } from "commander";
import * as v from "valibot";

import { originUrl } from "../../config/pool.ts";
import { Failure } from "../failure.ts";
import { ask, note, print } from "../output.ts";
import { scaffold, writeAll } from "../scaffold.ts";

interface InitOptions {
  readonly origin: readonly string[];
  readonly name?: string;
  readonly package: string;
  readonly force?: boolean;
  readonly yes?: boolean;
}

export function addInit(program: Command, version: string): void {
  program
    .command("init")
    .description("writes a router of your own into this folder: settings, secrets, a Worker")
    .option(
      "--origin <url>",
      "of an origin, as often as there are; asked for if absent",
      gather,
      [],
    )
    .option("--name <name>", "of the Worker; default: the folder's")
    .option("--package <spec>", "where npm finds limpet", `^${version}`)
    .option("--force", "overwrite files that are there")
    .option("-y, --yes", "don't ask anything")
    .action(async (options: InitOptions) => {
      const name = nameOf(options.name);
      const origins = await originsOf(options);
      const files = scaffold({ name, origins, limpet: options.package });
      const written = writeAll(process.cwd(), files, options.force === true);
      print(`${written.map((path) => `wrote ${path}\n`).join("")}${NEXT}`);
    });
}

const NEXT = `
Next: npm install, then npm run dev. Before the first deploy, see the secrets in README.md of limpet:
  npm run deploy -- --secrets-file .dev.vars    # or other secrets, in a file like it
`;

function gather(origin: string, before: readonly string[]): readonly string[] {
  return [...before, origin];
}

function nameOf(given: string | undefined): string {
  if (given !== undefined) {
    if (/^[a-z0-9][a-z0-9-]{0,62}$/.test(given)) return given;
    throw new Failure(
      2,
      `--name is "${given}"; it must be of a-z, 0-9 and -, at most 63 characters`,
    );
  }
  const name = basename(resolve("."))
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 63);
  return name === "" ? "limpet-router" : name;
}

async function originsOf({ origin, yes = false }: InitOptions): Promise<readonly string[]> {
  for (const url of origin) {
    const problem = problemOf(url);
    if (problem !== null) throw new Failure(2, `--origin is "${url}"; expected ${problem}`);
  }
  if (origin.length > 0) return unique(origin);
  if (yes || !process.stdin.isTTY) {
    throw new Failure(2, "which origins? Give --origin, once for each");
  }
  const origins: string[] = [];
  for (;;) {
    const question = `URL of origin ${origins.length + 1}${origins.length > 0 ? " (empty: that's all)" : ""}: `;
    const url = (await ask(question)).trim();
    if (url === "" && origins.length > 0) return unique(origins);
    if (url === "") throw new Failure(2, "a router needs an origin; nothing was written");
    const problem = problemOf(url);
    if (problem === null) origins.push(url);
    else note(`Expected ${problem}.`);
  }
}

function problemOf(url: string): string | null {
  const result = v.safeParse(originUrl, url);
  return result.success ? null : (result.issues[0]?.message ?? "a URL");
}

function unique(urls: readonly string[]): readonly string[] {
  const twice = urls.find((url, index) => urls.indexOf(url) !== index);
  if (twice !== undefined) throw new Failure(2, `the origin ${twice} is there twice`);
  return urls;
}
