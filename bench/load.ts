import { fork, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

/** One shot of traffic at one Worker. */
export interface Load {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  readonly method: string;
  readonly path: string;
  readonly bodyBytes: number;
  /**
   * Headers of the requests, taken in turn. `{n}` in a value becomes a number that no request had
   * before, `{ip}` an address made from it.
   */
  readonly headers: readonly Readonly<Record<string, string>>[];
  readonly firstNumber: number;
  /** Every request is a new client's. */
  readonly isFirstVisit: boolean;
  /** Messages to and fro over WebSockets instead of requests. */
  readonly isWebSocket: boolean;
}

export interface Measured {
  readonly requests: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Broken connections, time-outs and answers that are not 2xx or 3xx. */
  readonly errors: number;
}

export type Generator = "wrk" | "autocannon";

export function findGenerator(): Generator {
  return spawnSync("wrk", ["--version"]).error ? "autocannon" : "wrk";
}

export function applyLoad(generator: Generator, load: Load): Promise<Measured> {
  if (load.isWebSocket) return runChild("websocket-child.ts", load);
  return generator === "wrk" ? runWrk(load) : runChild("autocannon-child.ts", load);
}

async function runWrk(load: Load): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), "limpet-load-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  try {
    const file = join(folder, "requests");
    writeFileSync(file, load.headers.map((headers) => rawRequest(load, headers)).join("\0"));
    const script = join(import.meta.dirname, "load.lua");
    const child = tied(
      spawn(
        "wrk",
        ["-t1", `-c${load.connections}`, `-d${load.seconds}s`, "--timeout", "5s"].concat([
          "-s",
          script,
          load.url,
          "--",
          file,
          String(load.firstNumber),
        ]),
        { stdio: ["ignore", "pipe", "pipe"] },
      ),
    );
    const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const line = output.split("\n").find((candidate) => candidate.startsWith('{"requests"'));
    if (!line) throw new Error(`wrk gave no result\n${output}${errors}`);
    return JSON.parse(line) as Measured;
  } finally {
    process.removeListener("exit", remove);
    remove();
  }
}

function rawRequest(load: Load, headers: Readonly<Record<string, string>>): string {
  const all = {
    host: new URL(load.url).host,
    ...headers,
    ...(load.bodyBytes > 0 ? { "content-length": String(load.bodyBytes) } : {}),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  const body = "x".repeat(load.bodyBytes);
  return `${load.method} ${load.path} HTTP/1.1\r\n${lines.join("")}\r\n${body}`;
}

async function runChild(file: string, load: Load): Promise<Measured> {
  const child = tied(fork(join(import.meta.dirname, file)));
  const failed = once(child, "exit").then(([code]) => {
    throw new Error(`${file} ended (${String(code)}) without a result`);
  });
  child.send(load);
  const [measured] = (await Promise.race([once(child, "message"), failed])) as [Measured];
  failed.catch(() => undefined);
  return measured;
}

/** A child that does not outlive us. */
export function tied<Child extends ChildProcess>(child: Child): Child {
  const endWithUs = (): void => void child.kill("SIGKILL");
  process.once("exit", endWithUs);
  child.once("exit", () => process.removeListener("exit", endWithUs));
  return child;
}
