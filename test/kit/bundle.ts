import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { parse } from "smol-toml";
import { workerBuild } from "../../src/cli/worker-build.ts";

export const projectRoot = resolve(import.meta.dirname, "../..");

export interface Bundle {
  /** Absolute path of the built ES module. */
  readonly path: string;
  readonly bytes: number;
}

export interface BundleOptions {
  readonly entry: string;
  readonly minify?: boolean;
  /** Whether what the dashboard's pages load is in it, as in a deploy. Default: true. */
  readonly assets?: boolean;
}

const built = new Map<string, Promise<Bundle>>();

/** Builds a Worker the way a deploy does, once per process, entry and kind. */
export function bundleWorker({
  entry,
  minify = false,
  assets = true,
}: BundleOptions): Promise<Bundle> {
  const key = `${resolve(projectRoot, entry)}:${minify}:${assets}`;
  const known = built.get(key);
  if (known) return known;
  const bundle = buildOnce(resolve(projectRoot, entry), minify, assets);
  built.set(key, bundle);
  return bundle;
}

async function buildOnce(entry: string, minify: boolean, assets: boolean): Promise<Bundle> {
  const result = await build({
    entryPoints: [entry],
    absWorkingDir: projectRoot,
    ...workerBuild(assets),
    write: false,
    minify,
  });
  const output = result.outputFiles[0];
  if (!output) throw new Error(`esbuild made nothing of ${entry}`);
  const name = createHash("sha256").update(output.contents).digest("hex").slice(0, 16);
  const path = join(bundleFolder(), `${name}.js`);
  // In one step: another test process may be reading it.
  writeFileSync(`${path}.${process.pid}`, output.contents);
  renameSync(`${path}.${process.pid}`, path);
  return { path, bytes: output.contents.byteLength };
}

/** Named by content, so that every test process finds the same files and none is left over. */
function bundleFolder(): string {
  const folder = join(projectRoot, "node_modules/.cache/limpet");
  mkdirSync(folder, { recursive: true });
  return folder;
}

export interface Compatibility {
  readonly date: string;
  readonly flags: readonly string[];
}

/** The compatibility date and flags that wrangler.toml deploys with. */
export function readCompatibility(): Compatibility {
  const config = parse(readFileSync(join(projectRoot, "wrangler.toml"), "utf8"));
  const flags = config["compatibility_flags"];
  return {
    date: String(config["compatibility_date"]),
    flags: Array.isArray(flags) ? flags.map(String) : [],
  };
}
