import * as v from "valibot";

import type { AdminSettings, Config, Dataset, LogSettings, Pool, Problem } from "../model.ts";
import { readAccess, readAdminPath, readToken } from "./admin.ts";
import { compilePool } from "./compile.ts";
import { cookieClashes } from "./cookie-clash.ts";
import { outOfJurisdiction, readJurisdiction, unavailable } from "./jurisdiction.ts";
import { originUrl, pool as poolSchema } from "./pool.ts";
import { show, toProblem } from "./problem.ts";

export type Reading =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly admin: AdminSettings };

const SECRET_BYTES = 32;

/**
 * Environment bindings → configuration, or every mistake in them at once, `known` ones before them.
 * The admin settings are returned in either case, so that an operator can read the problems of a broken deployment.
 */
export function readConfig(
  env: Readonly<Record<string, unknown>>,
  known: readonly Problem[] = [],
): Reading {
  const problems = [...known];
  const secrets = readSecrets(env["AFFINITY_SECRET"], problems);
  const vars = readVars(env, problems);
  const { pools, admin } = vars;
  const token = readToken(env["ADMIN_TOKEN"], problems);
  const namespaces = ["SESSION_MAP", "POOL_STATE"].flatMap((binding) => {
    const given = env[binding];
    if (isNamespace(given)) return [given];
    problems.push({ path: binding, value: show(given), expected: "a Durable Object binding" });
    return [];
  });
  problems.push(...unavailable(vars.jurisdiction, namespaces));
  const dataset = readDataset(env["METRICS"], problems);
  problems.push(...missingKv(pools, env));
  if (problems.length > 0) return { ok: false, problems, admin: { ...admin, token } };
  return {
    ok: true,
    config: { ...vars, admin: { ...admin, token }, secrets, dataset },
  };
}

/** The part of the configuration that stands in `[vars]`; what `check:config` reads. */
export function readVars(
  env: Readonly<Record<string, unknown>>,
  problems: Problem[],
): Omit<Config, "secrets" | "dataset"> {
  const path = readAdminPath(env["ADMIN_PATH"], problems);
  const access = readAccess(env["ACCESS_TEAM"], env["ACCESS_AUD"], problems);
  const expose = env["EXPOSE"] ?? "";
  if (expose !== "" && expose !== "status") {
    problems.push({ path: "EXPOSE", value: show(expose), expected: '"status", or absent' });
  }
  const pools = readPools(env, problems);
  const log = readLog(env["LOG"], problems);
  const jurisdiction = readJurisdiction(env["JURISDICTION"], problems);
  problems.push(...outOfJurisdiction(jurisdiction, pools));
  const admin = { path, token: null, access };
  return { pools, log, exposeStatus: expose === "status", jurisdiction, admin };
}

/** "changes" (default), "all", "none", or a share of the plain hits beside the changes, such as "1%". */
function readLog(given: unknown, problems: Problem[]): LogSettings {
  if (given === undefined || given === "" || given === "changes") {
    return { changes: true, share: 0 };
  }
  if (given === "all") return { changes: true, share: 1 };
  if (given === "none") return { changes: false, share: 0 };
  const percent = Number(/^(\d{1,3}(?:\.\d{1,4})?)%$/.exec(String(given))?.[1]);
  if (percent >= 0 && percent <= 100) return { changes: true, share: percent / 100 };
  problems.push({
    path: "LOG",
    value: show(given),
    expected: '"changes", "all", "none", or a share of the unchanged requests such as "1%"',
  });
  return { changes: true, share: 0 };
}

function readPools(env: Readonly<Record<string, unknown>>, problems: Problem[]): Pool[] {
  const given = env["POOLS"];
  if (given === undefined) return readOrigins(env, problems);
  for (const other of ["ORIGINS", "AFFINITY"]) {
    if (env[other] !== undefined) {
      problems.push({
        path: other,
        value: show(env[other]),
        expected: "to be absent beside POOLS",
      });
    }
  }
  return checkPools(given, bindingsOf(env), problems);
}

/** The small form: ORIGINS and AFFINITY make one pool named "default". */
function readOrigins(env: Readonly<Record<string, unknown>>, problems: Problem[]): Pool[] {
  const given = fromText(env["ORIGINS"]);
  const shape = v.safeParse(
    v.pipe(
      v.array(originUrl),
      v.minLength(1, 'at least one origin URL, such as ["https://app-1.example.com"] (or POOLS)'),
    ),
    listed(given),
  );
  if (!shape.success) {
    problems.push(...shape.issues.map((issue) => toProblem(issue, "ORIGINS", given)));
  }
  const urls = shape.success ? shape.output : ["https://placeholder.invalid"];
  const found: Problem[] = [];
  const pools = checkPools([smallForm(urls, env["AFFINITY"])], bindingsOf(env), found);
  problems.push(
    ...found.map((problem) => ({
      ...problem,
      path: problem.path
        .replace("POOLS[0].affinity", "AFFINITY")
        .replace(/POOLS\[0\]\.origins(\[\d+\]).*/, "ORIGINS$1"),
    })),
  );
  return shape.success ? pools : [];
}

function listed(origins: unknown): readonly unknown[] {
  return Array.isArray(origins) ? origins : origins === undefined ? [] : [origins];
}

function smallForm(urls: readonly unknown[], affinity: unknown): object {
  const rules = affinity === undefined ? {} : { affinity: fromText(affinity) };
  return { name: "default", origins: urls.map((url) => ({ url })), ...rules };
}

/** The POOLS that the variables stand for, not validated; null if they name no origin. */
export function poolsGiven(vars: Readonly<Record<string, unknown>>): unknown {
  if (vars["POOLS"] !== undefined) return fromText(vars["POOLS"]);
  const urls = listed(fromText(vars["ORIGINS"]));
  return urls.length === 0 ? null : [smallForm(urls, vars["AFFINITY"])];
}

/** Validates a POOLS value; problems are added with paths that start with `POOLS`. */
export function checkPools(
  given: unknown,
  fetchers: (binding: string) => Fetcher | null,
  problems: Problem[],
): Pool[] {
  const list = fromText(given);
  if (!Array.isArray(list) || list.length === 0) {
    problems.push({ path: "POOLS", value: show(list), expected: "a list of at least one pool" });
    return [];
  }
  const names = new Set<string>();
  const paths = new Map<Pool, string>();
  const pools = list.flatMap((entry: unknown, index) => {
    const path = `POOLS[${index}]`;
    const result = v.safeParse(poolSchema, entry);
    if (!result.success) {
      problems.push(...result.issues.map((issue) => toProblem(issue, path, entry)));
      return [];
    }
    const compiled = compilePool(result.output, path, fetchers);
    problems.push(...compiled.problems);
    if (names.has(compiled.pool.name)) {
      problems.push({
        path: `${path}.name`,
        value: show(compiled.pool.name),
        expected: "a name that no other pool has",
      });
    }
    names.add(compiled.pool.name);
    paths.set(compiled.pool, path);
    return [compiled.pool];
  });
  problems.push(...cookieClashes(pools, (pool) => paths.get(pool) ?? "POOLS"));
  return pools;
}

/** Pools that keep their sessions in KV, where none is bound. */
function missingKv(pools: readonly Pool[], env: Readonly<Record<string, unknown>>): Problem[] {
  const kv = env["SESSIONS_KV"] as KVNamespace | undefined;
  if (typeof kv?.getWithMetadata === "function") return [];
  // Pools with other mistakes are not among `pools`: the name tells the place.
  const entries = fromText(env["POOLS"]) as readonly { readonly name?: unknown }[];
  return pools
    .filter(({ sessions }) => sessions.store === "kv")
    .map(({ name }) => ({
      path: `POOLS[${entries.findIndex((entry) => entry?.name === name)}].sessions.store`,
      value: show("kv"),
      expected: '"durable", or a KV namespace bound as SESSIONS_KV',
    }));
}

/** A binding set outside of wrangler.toml (dashboard, --var) is text: JSON, or a list by commas. */
function fromText(given: unknown): unknown {
  if (typeof given !== "string") return given;
  const text = given.trim();
  if (/^[[{]/.test(text)) {
    try {
      return JSON.parse(text);
    } catch {
      return given;
    }
  }
  const parts = text.split(",").map((part) => part.trim());
  return parts.length > 1 ? parts : text;
}

/** The environment's Fetchers by name. */
export function bindingsOf(env: Readonly<Record<string, unknown>>) {
  return (name: string): Fetcher | null => {
    const binding = env[name] as Fetcher | undefined;
    return typeof binding?.fetch === "function" ? binding : null;
  };
}

function readDataset(given: unknown, problems: Problem[]): Dataset | null {
  if (given === undefined) return null;
  const dataset = given as Dataset | null;
  if (typeof dataset?.writeDataPoint === "function") return dataset;
  const expected = "an Analytics Engine binding, or absent";
  problems.push({ path: "METRICS", value: show(given), expected });
  return null;
}

function isNamespace(given: unknown): given is DurableObjectNamespace {
  return typeof (given as DurableObjectNamespace | undefined)?.getByName === "function";
}

function readSecrets(given: unknown, problems: Problem[]): string[] {
  const secrets = typeof given === "string" ? given.split(",").map((part) => part.trim()) : [];
  const bytes = (secret: string) => new TextEncoder().encode(secret).length;
  if (secrets.length === 0 || secrets.some((secret) => bytes(secret) < SECRET_BYTES)) {
    problems.push({
      path: "AFFINITY_SECRET",
      value: secrets.length === 0 ? "absent" : "(hidden)",
      expected: `a secret of at least ${SECRET_BYTES} bytes; "new,old" while rotating`,
    });
  }
  return secrets;
}
