#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Command, CommanderError } from "commander";

import { checkConfig } from "./check-config.ts";
import { addEventCommands } from "./commands/events.ts";
import { addForecastCommands } from "./commands/explain.ts";
import { addInit } from "./commands/init.ts";
import { addPoolCommands } from "./commands/pools.ts";
import { addSessionCommands, shielded } from "./commands/sessions.ts";
import { Failure } from "./failure.ts";
import { note } from "./output.ts";
import { provideUrlPattern } from "./url-pattern.ts";

/** The command `limpet`. Exits 0: done; 1: refused or not found; 2: wrong usage; 3: unreachable. */

const EXIT_CODES = `
Exit codes: 0 done, 1 refused or not found, 2 wrong usage, 3 router not reached.`;

/** Two folders up, here as well as in dist/package. */
const PACKAGE = join(import.meta.dirname, "../..");

function makeProgram(version: string): Command {
  const program = new Command("limpet")
    .description(
      "A sticky-session router on Cloudflare Workers: set it up, look at it, operate it.",
    )
    .version(version)
    .exitOverride()
    .showHelpAfterError("(--help shows what there is)")
    .addHelpText("after", EXIT_CODES);
  addInit(program, version, PACKAGE);
  program
    .command("check")
    .description("prints every mistake in the settings of a wrangler.toml")
    .argument("[wrangler.toml]")
    .option("--config <file>", "the same as the argument")
    .option("--env <name>", "an environment of the file")
    .action((file: string | undefined, options: { config?: string; env?: string }) => {
      process.exitCode = checkConfig(file ?? options.config ?? "wrangler.toml", options.env);
    });
  addPoolCommands(program);
  addSessionCommands(program);
  addEventCommands(program);
  addForecastCommands(program);
  return program;
}

function readVersion(): string {
  const text = readFileSync(join(PACKAGE, "package.json"), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}

// Whoever reads our output may have had enough of it: `limpet sessions --all | head`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? 0 : 1);
});

provideUrlPattern();
try {
  await makeProgram(readVersion()).parseAsync(process.argv.map(shielded));
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else if (error instanceof Failure) {
    note(`limpet: ${error.message}`);
    process.exitCode = error.exitCode;
  } else {
    note(`limpet: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
