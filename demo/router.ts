import type { ChildProcess } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "smol-toml";
import type { Children } from "./children.ts";

const ROOT = join(import.meta.dirname, "..");
const LOG_LENGTH = 20_000;

/** No account, no internet, no questions, no traces of requests on disk. */
const WRANGLER_ENV = {
  CI: "1",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  CLOUDFLARE_ENV: "",
  NO_COLOR: "1",
  WRANGLER_HIDE_BANNER: "true", // and with the banner the look for a newer version
  WRANGLER_SEND_ERROR_REPORTS: "false",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_WRITE_LOGS: "false",
  X_LOCAL_EXPLORER: "false",
  X_LOCAL_OBSERVABILITY: "false",
};

export type DemoOrigin = { readonly name: string; readonly url: string };

export type RouterOptions = {
  readonly port: number;
  readonly origins: readonly DemoOrigin[];
  readonly affinitySecret: string;
  readonly adminToken: string;
  readonly verbose: boolean;
};

export type Router = {
  readonly process: ChildProcess;
  /** The end of what it has written so far. */
  log(): string;
};

/** The Worker on the local runtime, listening on 127.0.0.1 only. */
export function startRouter(children: Children, options: RouterOptions): Router {
  const router = children.node(
    join(ROOT, "node_modules/wrangler/bin/wrangler.js"),
    [
      "dev",
      "--local",
      `--config=${writeConfig(options.origins)}`,
      `--persist-to=${join(ROOT, ".wrangler/state")}`,
      "--ip=127.0.0.1",
      `--port=${options.port}`,
      "--inspector-ip=127.0.0.1",
      "--inspector-port=0",
      "--show-interactive-dev-session=false",
    ],
    {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
      // Required secrets are read from the environment: never an argument that `ps` could show.
      env: {
        ...process.env,
        ...WRANGLER_ENV,
        AFFINITY_SECRET: options.affinitySecret,
        ADMIN_TOKEN: options.adminToken,
      },
    },
  );

  let log = "";
  for (const stream of [router.stdout, router.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      log = (log + text).slice(-LOG_LENGTH);
      if (options.verbose) process.stderr.write(text);
    });
  }
  return { process: router, log: () => log };
}

/**
 * The deployable wrangler.toml with the demo's origins as its only vars. It lies where no .dev.vars
 * is: one would win over the environment.
 */
function writeConfig(origins: readonly DemoOrigin[]): string {
  const config = parse(readFileSync(join(ROOT, "wrangler.toml"), "utf8"));
  const folder = join(ROOT, ".wrangler/demo");
  const path = join(folder, "wrangler.json");
  const demo = {
    ...config,
    main: join(ROOT, String(config["main"])),
    vars: { POOLS: [{ name: "default", origins }], EXPOSE: "status" },
    secrets: { required: ["AFFINITY_SECRET", "ADMIN_TOKEN"] },
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, JSON.stringify(demo, null, 2));
  return path;
}
