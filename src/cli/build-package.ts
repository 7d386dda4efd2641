import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

import { build, type Metafile } from "esbuild";

import { workerBuild } from "./worker-build.ts";

/**
 * `npm run package`: what the package holds, in dist/package. Everything it needs is inside, so it
 * has no dependencies; the licenses of what is inside go with it.
 */

const ROOT = resolve(import.meta.dirname, "../..");
const OUT = join(ROOT, "dist/package");
const ENTRIES = ["library", "index"];

async function main(): Promise<void> {
  rmSync(OUT, { recursive: true, force: true });
  const common = { absWorkingDir: ROOT, outdir: OUT, metafile: true } as const;
  const worker = await build({
    ...workerBuild(),
    ...common,
    entryPoints: ENTRIES.map((name) => `src/${name}.ts`),
    // Both entries must share one class of each Durable Object.
    splitting: true,
    chunkNames: "router-[hash]",
  });
  const cli = await build({
    ...common,
    entryPoints: { cli: "src/cli/main.ts" },
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    mainFields: ["module", "main"],
    logLevel: "silent",
  });
  chmodSync(join(OUT, "cli.js"), 0o755);
  writeTypes();
  writeLicenses([worker.metafile, cli.metafile]);
}

/** The declarations that the entries reach; the others are nobody's business. */
function writeTypes(): void {
  const folder = mkdtempSync(join(tmpdir(), "limpet-types-"));
  try {
    const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
    const project = join(import.meta.dirname, "tsconfig.package.json");
    execFileSync(process.execPath, [tsc, "-p", project, "--outDir", folder], { stdio: "inherit" });
    const wanted = ENTRIES.map((name) => `${name}.d.ts`);
    // Grows while it is walked.
    for (const path of wanted) {
      const text = readFileSync(join(folder, path), "utf8");
      for (const [, from = ""] of text.matchAll(/(?:from |import\()"(\.[^"]+)\.ts"/g)) {
        const next = join(dirname(path), `${from}.d.ts`);
        if (!wanted.includes(next)) wanted.push(next);
      }
      mkdirSync(dirname(join(OUT, path)), { recursive: true });
      writeFileSync(join(OUT, path), text.replace(/("\.[^"]+)\.ts"/g, '$1.js"'));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function writeLicenses(metafiles: readonly Metafile[]): void {
  const paths = metafiles.flatMap(({ outputs }) =>
    Object.values(outputs).flatMap(({ inputs }) => Object.keys(inputs)),
  );
  const packages = new Set(
    paths.flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []),
  );
  const texts = [...packages].sort().map((name) => `${name}\n\n${licenseOf(name)}\n`);
  writeFileSync(join(OUT, "LICENSES.txt"), texts.join(`\n${"-".repeat(80)}\n\n`));
}

function licenseOf(name: string): string {
  const folder = join(ROOT, "node_modules", name);
  for (const file of ["LICENSE", "LICENSE.md", "license.md", "license"]) {
    try {
      return readFileSync(join(folder, file), "utf8").trim();
    } catch {
      // The next spelling.
    }
  }
  const { license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return `License: ${license}`;
}

await main();
