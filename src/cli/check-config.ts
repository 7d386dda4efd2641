import { readFileSync } from "node:fs";

import { parse } from "smol-toml";

import { readVars } from "../config/config.ts";
import type { Problem } from "../model.ts";
import { Failure } from "./failure.ts";
import { count } from "./table.ts";

/**
 * `limpet check`: reads the [vars] and the bindings of wrangler.toml and prints every mistake in them.
 * Exits 1 if there is one, 2 if the file can't be read. Secrets are not in the file; the Worker itself
 * checks them.
 */

const VARIABLES = [
  "ORIGINS",
  "AFFINITY",
  "POOLS",
  "ADMIN_PATH",
  "ACCESS_TEAM",
  "ACCESS_AUD",
  "EXPOSE",
  "LOG",
  "JURISDICTION",
];

/** Stands in for a binding that the file declares and only the deployed Worker has. */
const DECLARED = { fetch: () => Promise.reject(new Error("not a real binding")) };

export interface WranglerFile {
  readonly vars?: Record<string, unknown>;
  readonly env?: Record<string, WranglerFile>;
  readonly services?: readonly { readonly binding?: string }[];
  readonly mtls_certificates?: readonly { readonly binding?: string }[];
  readonly vpc_services?: readonly { readonly binding?: string }[];
  readonly kv_namespaces?: readonly { readonly binding?: string }[];
  readonly durable_objects?: { readonly bindings?: readonly { readonly name?: string }[] };
}

/** Returns the exit code. */
export function checkConfig(path: string, env: string | undefined): number {
  const problems = check(readSection(path, env));
  for (const { path, value, expected } of problems) {
    console.error(`${path}\n  is       ${value}\n  expected ${expected}`);
  }
  console.log(
    `${path}: ${problems.length === 0 ? "no problems" : count(problems.length, "problem")}`,
  );
  return problems.length === 0 ? 0 : 1;
}

/** The settings of a wrangler.toml, or of one of its environments. */
export function readSection(path: string, env: string | undefined): WranglerFile {
  let file: WranglerFile;
  try {
    file = parse(readFileSync(path, "utf8")) as WranglerFile;
  } catch (error) {
    throw new Failure(2, `${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const section = env === undefined ? file : file.env?.[env];
  if (section === undefined) throw new Failure(2, `${path}: there is no [env.${env}]`);
  return section;
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
