import { spawn, type ChildProcess } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { bundleWorker, readCompatibility } from "./bundle.ts";
import { renderConfig, type ObjectBinding } from "./capnp.ts";

export interface RouterOptions {
  readonly vars?: Readonly<Record<string, unknown>>;
  readonly secrets?: Readonly<Record<string, string>>;
  /** The Worker's entry, from the project's root. Default: `src/index.ts`. */
  readonly entry?: string;
  readonly minify?: boolean;
  /** Default: one that is free; kept over restarts. */
  readonly port?: number;
  /** Folder of the Durable Objects' databases. Default: a temporary one, removed by `stop`. */
  readonly storage?: string;
  readonly objects?: readonly ObjectBinding[];
  readonly services?: Readonly<Record<string, string>>;
  readonly kv?: Readonly<Record<string, string>>;
  readonly protoHeader?: string;
  readonly inspectorPort?: number;
  /** Also copy the Worker's console to ours. */
  readonly verbose?: boolean;
}

export interface Router {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Everything the process wrote so far: the Worker's console and workerd's own words. */
  readonly log: string;
  /** Ends the process and removes what the kit made. */
  stop(): Promise<void>;
  /** Ends the process without warning; the storage stays for `restart`. */
  kill9(): Promise<void>;
  /** Starts it again on the same port and storage, optionally configured anew. */
  restart(changes?: Partial<Pick<RouterOptions, "vars" | "secrets">>): Promise<void>;
}

// The binary itself, not the launcher in .bin: a signal must reach workerd, not its parent.
const { default: workerdBinary, version } = createRequire(import.meta.url)("workerd") as {
  readonly default: string;
  readonly version: string;
};

export const workerdVersion = version;

/** What must not outlive this process. */
const atExit = new Set<() => void>();
process.once("exit", () => {
  for (const end of atExit) end();
});

const startLimitMs = 20_000;
const stopLimitMs = 3_000;

const routerObjects: readonly ObjectBinding[] = [
  { binding: "SESSION_MAP", className: "SessionMap" },
  { binding: "POOL_STATE", className: "PoolState" },
];

interface Running {
  readonly child: ChildProcess;
  readonly port: number;
}

/**
 * Runs a Worker on workerd itself: a real socket, no development proxy in front, Durable Objects
 * on disk. Throws with what workerd wrote when it does not listen within 20 s.
 */
export async function startRouter(options: RouterOptions = {}): Promise<Router> {
  const { entry = "src/index.ts", minify = false, objects = routerObjects } = options;
  const bundle = await bundleWorker({ entry, minify });
  const folder = mkdtempSync(join(tmpdir(), "limpet-workerd-"));
  const storage = options.storage ?? join(folder, "storage");
  mkdirSync(storage, { recursive: true });
  copyFileSync(bundle.path, join(folder, "worker.js"));
  const configPath = join(folder, "config.capnp");
  let { vars = {}, secrets = {} } = options;
  let log = "";

  async function launch(port: number): Promise<Running> {
    const config = renderConfig({
      modulePath: "worker.js",
      compatibility: readCompatibility(),
      vars,
      secrets,
      objects,
      storage,
      services: options.services ?? {},
      kv: options.kv ?? {},
      protoHeader: options.protoHeader,
    });
    writeFileSync(configPath, config, { mode: 0o600 });
    const child = spawn(
      workerdBinary,
      [
        "serve",
        "--control-fd=3",
        `--socket-addr=http=127.0.0.1:${port}`,
        ...(options.inspectorPort ? [`--inspector-addr=127.0.0.1:${options.inspectorPort}`] : []),
        configPath,
      ],
      { stdio: ["ignore", "pipe", "pipe", "pipe"] },
    );
    const endWithUs = (): void => {
      child.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    };
    atExit.add(endWithUs);
    child.once("exit", () => atExit.delete(endWithUs));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        log += text;
        if (options.verbose) process.stderr.write(text);
      });
    }
    try {
      const actual = await listeningPort(child);
      await accepts(actual);
      return { child, port: actual };
    } catch (error) {
      child.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
      throw new Error(`workerd did not start: ${String(error)}\n${log}`, { cause: error });
    }
  }

  let running = await launch(options.port ?? 0);
  const { port } = running;

  return {
    url: `http://127.0.0.1:${port}`,
    port,
    get pid() {
      return running.child.pid ?? 0;
    },
    get log() {
      return log;
    },
    async stop() {
      await end(running.child, "SIGTERM");
      rmSync(folder, { recursive: true, force: true });
    },
    kill9: () => end(running.child, "SIGKILL"),
    async restart(changes = {}) {
      await end(running.child, "SIGTERM");
      vars = changes.vars ?? vars;
      secrets = changes.secrets ?? secrets;
      running = await launch(port);
    },
  };
}

/** The port workerd reports on its control pipe; rejects when the process ends first. */
function listeningPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("it never listened")), startLimitMs);
    timer.unref();
    child.once("error", reject);
    child.once("exit", (code, signal) => reject(new Error(`it ended (${code ?? signal})`)));
    let text = "";
    const control = child.stdio[3] as Readable;
    control.setEncoding("utf8").on("data", (data: string) => {
      text += data;
      const port = /"event":"listen","socket":"http","port":(\d+)/.exec(text)?.[1];
      if (!port) return;
      clearTimeout(timer);
      resolve(Number(port));
    });
  });
}

async function accepts(port: number): Promise<void> {
  const deadline = Date.now() + startLimitMs;
  while (Date.now() < deadline) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (open) return;
    await sleep(20);
  }
  throw new Error(`nothing accepts connections on port ${port}`);
}

async function end(child: ChildProcess, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), stopLimitMs);
  await gone;
  clearTimeout(timer);
}
