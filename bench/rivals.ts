import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { tied } from "./load.ts";

/** Native proxies with cookie stickiness, one worker each, where they are installed. */

export interface Rival {
  readonly name: string;
  readonly version: readonly string[];
  /** The configuration's text, and how the program is told of its file. */
  config(port: number, origins: readonly string[], folder: string): string;
  run(file: string): readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const hostOf = (url: string): string => new URL(url).host;

export const rivals: readonly Rival[] = [
  {
    name: "nginx",
    version: ["-v"],
    // Before 1.29.6 only the paid edition has `sticky`: there the cookie is hashed instead.
    config: (port, origins, folder) => `
daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 1024; }
http {
  access_log off; client_body_temp_path ${folder}; proxy_temp_path ${folder};
  fastcgi_temp_path ${folder}; uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
  upstream origins { hash $cookie_session consistent; keepalive 64;
    ${origins.map((url) => `server ${hostOf(url)};`).join(" ")} }
  server { listen 127.0.0.1:${port};
    location / { proxy_pass http://origins; proxy_http_version 1.1; proxy_set_header Connection ""; } }
}`,
    run: (file) => ["-c", file],
  },
  {
    name: "haproxy",
    version: ["-v"],
    config: (port, origins) => `
global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend in
  bind 127.0.0.1:${port}
  default_backend origins
backend origins
  cookie session insert indirect nocache
${origins.map((url, at) => `  server s${at} ${hostOf(url)} cookie s${at}`).join("\n")}
`,
    run: (file) => ["-db", "-f", file],
  },
  {
    name: "caddy",
    version: ["version"],
    config: (port, origins) => `
{
  admin off
  auto_https off
}
http://127.0.0.1:${port} {
  reverse_proxy ${origins.map(hostOf).join(" ")} {
    lb_policy cookie session
  }
}
`,
    run: (file) => ["run", "--adapter", "caddyfile", "--config", file],
    env: { GOMAXPROCS: "1" },
  },
];

export function isInstalled({ name, version }: Rival): boolean {
  return spawnSync(name, [...version], { stdio: "ignore" }).error === undefined;
}

/** Starts one on loopback; throws with its own words when it does not listen within 5 s. */
export async function startRival(rival: Rival, origins: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), "limpet-rival-"));
  const port = await freePort();
  const file = join(folder, "config");
  writeFileSync(file, rival.config(port, origins, folder));
  const child = tied(
    spawn(rival.name, [...rival.run(file)], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, HOME: folder, ...rival.env },
    }),
  );
  let words = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    words += text;
  });
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await Promise.race([new Promise((resolve) => child.once("exit", resolve)), sleep(2_000)]);
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  };
  for (let tries = 0; tries < 100; tries += 1) {
    if (await accepts(port)) return { url: `http://127.0.0.1:${port}`, pid: child.pid ?? 0, stop };
    await sleep(50);
  }
  await stop();
  throw new Error(`${rival.name} did not start\n${words}`);
}

/** One that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
