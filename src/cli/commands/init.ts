import { existsSync, readFileSync, realpathSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";

import type { Command } from "commander";
import * as v from "valibot";

import { originUrl } from "../../config/pool.ts";
import { Failure } from "../failure.ts";
import { ask, note, print } from "../output.ts";
import { scaffold, writeAll } from "../scaffold.ts";

interface InitOptions {
  readonly origin: readonly string[];
  readonly name?: string;
  readonly package?: string;
  readonly force?: boolean;
  readonly yes?: boolean;
}

/** `folder` is where this package lies. */
export function addInit(program: Command, version: string, folder: string): void {
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
    .option("--package <spec>", "where npm finds limpet; default: where it found this one")
    .option("--force", "overwrite files that are there")
    .option("-y, --yes", "don't ask anything")
    .action(async (options: InitOptions) => {
      const name = nameOf(options.name);
      const origins = await originsOf(options);
      const limpet = options.package ?? tarballOf(folder) ?? `^${version}`;
      const files = scaffold({ name, origins, limpet, node: process.versions.node });
      const written = writeAll(process.cwd(), files, options.force === true);
      print(`${written.map((path) => `wrote ${path}\n`).join("")}${NEXT}`);
    });
}

const NEXT = `
Next:
  npm install && npm run dev    # http://localhost:8787/, dashboard at /__limpet/, its ADMIN_TOKEN in .dev.vars
First deploy, with secrets of its own (keep the file out of version control):
  (umask 077; for s in AFFINITY_SECRET ADMIN_TOKEN; do echo "$s=$(openssl rand -hex 32)"; done > secrets.env)
  npm run check && npm run deploy -- --secrets-file secrets.env
`;

/** The tarball that npm installed us from, as npm takes it; null if it was a registry or nothing. */
function tarballOf(folder: string): string | null {
  const modules = dirname(folder);
  const lock = join(modules, ".package-lock.json");
  if (!existsSync(lock)) return null;
  const { packages } = JSON.parse(readFileSync(lock, "utf8")) as {
    readonly packages?: Readonly<Record<string, { readonly resolved?: string }>>;
  };
  const { resolved = "" } = packages?.[`node_modules/${basename(folder)}`] ?? {};
  if (!resolved.startsWith("file:")) return null;
  // npm's own paths begin at the folder that holds node_modules.
  return `file:${relative(realpathSync("."), resolve(modules, "..", resolved.slice("file:".length)))}`;
}

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
