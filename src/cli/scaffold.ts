import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { Failure } from "./failure.ts";

/** What `limpet init` writes. */

export interface Wish {
  readonly name: string;
  readonly origins: readonly string[];
  /** The version, tarball or folder that npm shall install. */
  readonly limpet: string;
  /** The Node that runs us; wrangler wants a newer one than we. */
  readonly node: string;
}

export interface File {
  readonly path: string;
  readonly text: string;
  readonly mode?: number;
  /** Lines are added to a file that is there; what begins like one of its lines is left out. */
  readonly adds?: boolean;
}

/** As in our own wrangler.toml and package.json. */
const COMPATIBILITY_DATE = "2026-11-01";
const WRANGLER = "^4.156.2";
const NODE = "^24.21.0";
const OLDEST_NODE_OF_WRANGLER = 22;

export function scaffold({ name, origins, limpet, node }: Wish): readonly File[] {
  return [
    { path: "wrangler.toml", text: wranglerToml(name, origins) },
    { path: "package.json", text: packageJson(name, limpet, node) },
    { path: "src/index.ts", text: WORKER },
    { path: ".dev.vars", text: devVars(), mode: 0o600, adds: true },
    { path: ".gitignore", text: "node_modules/\n.wrangler/\n.dev.vars\nsecrets.env\n", adds: true },
  ];
}

const WORKER = `// The whole router. Its settings are in wrangler.toml.
export { default, PoolState, SessionMap } from "limpet/worker";
`;

function wranglerToml(name: string, origins: readonly string[]): string {
  return `name = "${name}"
main = "src/index.ts"
compatibility_date = "${COMPATIBILITY_DATE}"
minify = true

# Names derive from these URLs, and pins hold the names. POOLS is the full form.
[vars]
ORIGINS = [
${origins.map((url) => `  ${JSON.stringify(url)},\n`).join("")}]
# AFFINITY = "cookie"   # or "ip", "app-cookie:NAME", "header:NAME", "query:NAME", "path:/PATTERN"

# In .dev.vars for \`wrangler dev\`; deployed ones are set by \`wrangler secret put\`.
[secrets]
required = ["AFFINITY_SECRET", "ADMIN_TOKEN"]

[observability]
enabled = true

[[durable_objects.bindings]]
name = "SESSION_MAP"
class_name = "SessionMap"

[[durable_objects.bindings]]
name = "POOL_STATE"
class_name = "PoolState"

[[migrations]]
tag = "v1"
new_sqlite_classes = ["SessionMap", "PoolState"]
`;
}

function packageJson(name: string, limpet: string, node: string): string {
  const isOld = Number.parseInt(node) < OLDEST_NODE_OF_WRANGLER;
  const manifest = {
    name,
    private: true,
    type: "module",
    scripts: { dev: "wrangler dev", check: "limpet check", deploy: "wrangler deploy" },
    dependencies: { limpet },
    // npm's scripts run on the Node that is a dependency, whatever the machine has.
    devDependencies: { ...(isOld ? { node: NODE } : {}), wrangler: WRANGLER },
    allowScripts: { ...(isOld ? { node: true } : {}), esbuild: true, workerd: true },
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

function devVars(): string {
  const secret = () => randomBytes(32).toString("base64url");
  return `AFFINITY_SECRET=${secret()}\nADMIN_TOKEN=${secret()}\n`;
}

/** Writes all or, if a file is in the way, none; the paths of those written. */
export function writeAll(folder: string, files: readonly File[], force: boolean): string[] {
  const inTheWay = files.filter(({ path, adds }) => !adds && existsSync(join(folder, path)));
  if (inTheWay.length > 0 && !force) {
    const paths = inTheWay.map(({ path }) => path).join(", ");
    throw new Failure(1, `${paths}: already there, nothing was written (--force overwrites)`);
  }
  return files.flatMap((file) => {
    const path = join(folder, file.path);
    const text =
      file.adds && existsSync(path) ? extended(readFileSync(path, "utf8"), file) : file.text;
    if (text === null) return [];
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, file.mode === undefined ? {} : { mode: file.mode });
    // The mode of a file that was there does not change by writing.
    if (file.mode !== undefined) chmodSync(path, file.mode);
    return [file.path];
  });
}

/** Null if there is nothing to add: secrets that are there are kept, for pins live by them. */
function extended(before: string, { text }: File): string | null {
  const keyOf = (line: string) => line.split("=", 1)[0]?.trim();
  const known = new Set(before.split("\n").map(keyOf));
  const missing = text.split("\n").filter((line) => line !== "" && !known.has(keyOf(line)));
  if (missing.length === 0) return null;
  const newLine = before === "" || before.endsWith("\n") ? "" : "\n";
  return `${before}${newLine}${missing.map((line) => `${line}\n`).join("")}`;
}
