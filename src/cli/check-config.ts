import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { parse } from "smol-toml";

import { readVars } from "../config/config.ts";
import type { Problem } from "../model.ts";

/**
 * `npm run check:config`: reads the [vars] and the bindings of wrangler.toml and prints every mistake
 * in them. Exits 1 if there is one, 2 if the file can't be read. Secrets are not in the file; the
 * Worker itself checks them.
 */

const HELP = `Usage: npm run check:config -- [--config wrangler.toml] [--env name]`;

const VARIABLES = ["ORIGINS", "AFFINITY", "POOLS", "ADMIN_PATH", "EXPOSE", "LOG"];

/** Stands in for a binding that the file declares and only the deployed Worker has. */
const DECLARED = { fetch: () => Promise.reject(new Error("not a real binding")) };

interface WranglerFile {
  readonly vars?: Record<string, unknown>;
  readonly env?: Record<string, WranglerFile>;
  readonly services?: readonly { readonly binding?: string }[];
  readonly mtls_certificates?: readonly { readonly binding?: string }[];
  readonly vpc_services?: readonly { readonly binding?: string }[];
  readonly kv_namespaces?: readonly { readonly binding?: string }[];
  readonly durable_objects?: { readonly bindings?: readonly { readonly name?: string }[] };
}

function readOptions() {
  try {
    return parseArgs({
      options: {
        config: { type: "string", default: "wrangler.toml" },
        env: { type: "string" },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return null;
  }
}

function main(): number {
  const values = readOptions();
  if (values === null) {
    console.error(HELP);
    return 2;
  }
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  let file: WranglerFile;
  try {
    file = parse(readFileSync(values.config, "utf8")) as WranglerFile;
  } catch (error) {
    console.error(`${values.config}: ${error instanceof Error ? error.message : String(error)}`);
    return 2;
  }
  const section = values.env === undefined ? file : file.env?.[values.env];
  if (section === undefined) {
    console.error(`${values.config}: there is no [env.${values.env}]`);
    return 2;
  }
  const problems = check(section);
  for (const { path, value, expected } of problems) {
    console.error(`${path}\n  is       ${value}\n  expected ${expected}`);
  }
  const count = problems.length;
  const summary = count === 0 ? "no problems" : `${count} problem${count === 1 ? "" : "s"}`;
  console.log(`${values.config}: ${summary}`);
  return count === 0 ? 0 : 1;
}

function check(section: WranglerFile): Problem[] {
  const problems: Problem[] = [];
  const fetchers = [
    ...(section.services ?? []),
    ...(section.mtls_certificates ?? []),
    ...(section.vpc_services ?? []),
  ];
  const bindings = Object.fromEntries(fetchers.map(({ binding = "" }) => [binding, DECLARED]));
  const { pools } = readVars({ ...bindings, ...section.vars }, problems);
  for (const name of Object.keys(section.vars ?? {})) {
    if (VARIABLES.includes(name)) continue;
    problems.push({
      path: `vars.${name}`,
      value: "a variable",
      expected: `no such variable here; known are: ${VARIABLES.join(", ")}`,
    });
  }
  const objects = section.durable_objects?.bindings?.map(({ name }) => name) ?? [];
  for (const name of ["SESSION_MAP", "POOL_STATE"]) {
    if (objects.includes(name)) continue;
    problems.push({
      path: "durable_objects.bindings",
      value: JSON.stringify(objects),
      expected: `a binding named "${name}"`,
    });
  }
  const usesKv = pools.some(({ sessions }) => sessions.store === "kv");
  const namespaces = section.kv_namespaces?.map(({ binding }) => binding) ?? [];
  if (usesKv && !namespaces.includes("SESSIONS_KV")) {
    problems.push({
      path: "kv_namespaces",
      value: JSON.stringify(namespaces),
      expected: 'a binding named "SESSIONS_KV", because a pool has store = "kv"',
    });
  }
  return problems;
}

process.exitCode = main();
