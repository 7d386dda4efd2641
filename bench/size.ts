// What the Worker weighs as deployed, gzipped and without what it only passes on (the dashboard's assets and
// the OpenAPI document), what of it each feature is, and which package weighs how much. Exits 1 above a
// limit: part of `npm run check`. With --write, the tables in the docs.
import { gzipSync } from "node:zlib";
import { build, type Metafile, type Plugin } from "esbuild";
import { workerBuild } from "../src/cli/worker-build.ts";
import { projectRoot } from "../test/kit/bundle.ts";
import { table, writeSection, type Row } from "./document.ts";

/** What the Worker should weigh; the bench says whether it does. */
export const sizeBudgetBytes = 60 * 1024;
/** What no change may exceed: `npm run check` fails above it. Only ever lower them. */
const limitBytes = {
  whole: 90.5 * 1024,
  /** What forwards requests: everything but the admin. Never above the budget. */
  router: 51 * 1024,
};

/** What can be left out of a build, from the outside in: imports that lead to it. The rest forwards requests. */
const FEATURES: readonly (readonly [name: string, imports: RegExp])[] = [
  ["Access: jose", /\/access\.ts$/],
  ["dashboard pages and login: hono/jsx", /\/dashboard\/(assets|dashboard|login)\.tsx?$/],
  ["explain and what-if", /\/(explain|what-if)\.ts$/],
  ["admin API, metrics, token: hono", /\/admin\/api\.ts$/],
];

export interface Size {
  readonly gzipBytes: number;
  readonly bytes: number;
  /** Minified bytes by package, or by folder of ours, the most first. */
  readonly parts: readonly (readonly [string, number])[];
}

interface Variant {
  /** With what is only passed on. Default: false. */
  readonly assets?: boolean;
  /** The imports that stay imports: what they lead to is not in the bundle. */
  readonly without?: readonly RegExp[];
}

export async function measureSize(
  entry = "src/index.ts",
  { assets = false, without = [] }: Variant = {},
): Promise<Size> {
  const { plugins, ...options } = workerBuild(assets);
  const result = await build({
    entryPoints: [entry],
    absWorkingDir: projectRoot,
    ...options,
    plugins: [...plugins, ...without.map(leaveOut)],
    minify: true,
    write: false,
    metafile: true,
  });
  const contents = result.outputFiles[0]?.contents ?? new Uint8Array();
  const gzipBytes = gzipSync(contents, { level: 9 }).length;
  return { gzipBytes, bytes: contents.length, parts: partsOf(result.metafile) };
}

function leaveOut(imports: RegExp): Plugin {
  return {
    name: "leave-out",
    setup({ onResolve }) {
      onResolve({ filter: imports }, () => ({ path: "left-out", external: true }));
    },
  };
}

/**
 * Gzipped bytes that each feature adds to those below it; the last is what forwards requests.
 * Throws if one adds none: its imports are then spelled otherwise.
 */
async function measureFeatures(whole: Size): Promise<(readonly [string, number])[]> {
  const without: RegExp[] = [];
  const features: (readonly [string, number])[] = [];
  let before = whole.gzipBytes;
  for (const [name, imports] of FEATURES) {
    without.push(imports);
    const { gzipBytes } = await measureSize("src/index.ts", { without });
    if (gzipBytes >= before) throw new Error(`nothing left out by ${imports}: ${name}`);
    features.push([name, before - gzipBytes]);
    before = gzipBytes;
  }
  return [...features, ["router: what forwards requests", before]];
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

async function main(): Promise<boolean> {
  const whole = await measureSize();
  const features = await measureFeatures(whole);
  const router = features.at(-1)?.[1] ?? 0;
  const passedOn =
    (await measureSize("src/index.ts", { assets: true })).gzipBytes - whole.gzipBytes;
  const verdict = (bytes: number, limit: number): string =>
    `limit ${kib(limit)}: ${bytes <= limit ? "met" : "EXCEEDED"}`;
  process.stdout.write(
    `Worker bundle, gzip: ${kib(whole.gzipBytes)}; ${verdict(whole.gzipBytes, limitBytes.whole)}; ` +
      `budget ${kib(sizeBudgetBytes)}\n` +
      features.map(([name, bytes]) => `  ${kib(bytes).padStart(8)}  ${name}\n`).join("") +
      `Router alone: ${verdict(router, limitBytes.router)}. ` +
      `Not counted, since only passed on: assets and OpenAPI document, ${kib(passedOn)}\n`,
  );
  if (process.argv.includes("--write")) writeSection("size", render(whole, features, passedOn));
  else if (process.argv.includes("--parts")) process.stdout.write(`${table(packages(whole))}\n`);
  return whole.gzipBytes <= limitBytes.whole && router <= limitBytes.router;
}

function render(
  whole: Size,
  features: readonly (readonly [string, number])[],
  passedOn: number,
): string {
  return [
    `Budget ${kib(sizeBudgetBytes)}, limits of the check: ${kib(limitBytes.whole)} for the whole, ` +
      `${kib(limitBytes.router)} for the router.`,
    table([
      ["what it does", "gzip"],
      ...features.map(([name, bytes]): Row => [name, kib(bytes)]),
      ["**all**", `**${kib(whole.gzipBytes)}**`],
      ["assets of the dashboard and OpenAPI document, not counted", kib(passedOn)],
    ]),
    table(packages(whole)),
  ].join("\n\n");
}

function packages({ bytes, gzipBytes, parts }: Size): Row[] {
  return [
    ["part", "minified", "share"],
    ...parts
      .filter(([, part]) => part >= 100)
      .map(([name, part]): Row => [name, kib(part), `${((part / bytes) * 100).toFixed(1)} %`]),
    ["**all**", `**${kib(bytes)}**, **${kib(gzipBytes)}** gzip`, ""],
  ];
}

if (import.meta.main) process.exitCode = (await main()) ? 0 : 1;
