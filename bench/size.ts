// What the Worker weighs as deployed, without the dashboard's assets, and which package weighs how
// much. Exits 1 above the limit: part of `npm run check`. With --write, the table in the docs.
import { gzipSync } from "node:zlib";
import { build, type Metafile } from "esbuild";
import { workerBuild } from "../src/cli/worker-build.ts";
import { projectRoot } from "../test/kit/bundle.ts";
import { table, writeSection, type Row } from "./document.ts";

/** What the Worker should weigh; the bench says whether it does. */
export const sizeBudgetBytes = 60 * 1024;
/** What no change may exceed: `npm run check` fails above it. Only ever lower it. */
const sizeLimitBytes = 96 * 1024;

export interface Size {
  readonly gzipBytes: number;
  readonly bytes: number;
  /** Minified bytes by package, or by folder of ours, the most first. */
  readonly parts: readonly (readonly [string, number])[];
}

export async function measureSize(entry = "src/index.ts"): Promise<Size> {
  const result = await build({
    entryPoints: [entry],
    absWorkingDir: projectRoot,
    ...workerBuild(false),
    minify: true,
    write: false,
    metafile: true,
  });
  const contents = result.outputFiles[0]?.contents ?? new Uint8Array();
  const gzipBytes = gzipSync(contents, { level: 9 }).length;
  return { gzipBytes, bytes: contents.length, parts: partsOf(result.metafile) };
}

function partsOf({ outputs }: Metafile): [string, number][] {
  const parts = new Map<string, number>();
  for (const { inputs } of Object.values(outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      const part = partOf(path);
      parts.set(part, (parts.get(part) ?? 0) + bytesInOutput);
    }
  }
  return [...parts].sort(([, a], [, b]) => b - a);
}

/** `hono` of node_modules/hono/dist/hono.js, `src/admin` of src/admin/api.ts. */
export function partOf(path: string): string {
  const inPackage = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1];
  return inPackage ?? /^src\/[^/.]+(?=\/)/.exec(path)?.[0] ?? "src";
}

const kib = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KiB`;

if (import.meta.main) {
  const { gzipBytes, bytes, parts } = await measureSize();
  const rows: Row[] = [
    ["part", "minified", "share"],
    ...parts.map(([name, part]) => [name, kib(part), `${((part / bytes) * 100).toFixed(1)} %`]),
    ["**all**", `**${kib(bytes)}**, **${kib(gzipBytes)}** gzip`, ""],
  ];
  const met = gzipBytes <= sizeLimitBytes;
  const verdict = met ? "met" : "EXCEEDED";
  process.stdout.write(
    `Worker bundle, gzip: ${kib(gzipBytes)}; budget ${kib(sizeBudgetBytes)}, ` +
      `limit ${kib(sizeLimitBytes)}: ${verdict}\n`,
  );
  const budget = `Budget ${kib(sizeBudgetBytes)} gzip, limit of the check ${kib(sizeLimitBytes)}.`;
  if (process.argv.includes("--write")) writeSection("size", `${budget}\n\n${table(rows)}`);
  else if (!met || process.argv.includes("--parts")) process.stdout.write(`${table(rows)}\n`);
  process.exitCode = met ? 0 : 1;
}
