import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { projectRoot } from "./bundle.ts";

const LIMIT_MS = 50_000;

/** No account, no internet, no questions. */
const QUIET = {
  CI: "1",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  NO_COLOR: "1",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_SEND_ERROR_REPORTS: "false",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_WRITE_LOGS: "false",
  X_LOCAL_EXPLORER: "false",
  X_LOCAL_OBSERVABILITY: "false",
};

/** `wrangler dev` in a folder. Throws with what it wrote if it does not listen within 50 s. */
export async function startWrangler(folder: string) {
  const port = await freePort();
  const args = ["dev", "--local", "--ip=127.0.0.1", `--port=${port}`, "--inspector-port=0"];
  const child = spawn(
    process.execPath,
    [
      join(projectRoot, "node_modules/wrangler/bin/wrangler.js"),
      ...args,
      "--show-interactive-dev-session=false",
    ],
    {
      cwd: folder,
      // A group of its own: what it starts must go with it.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      // Secrets that the tests' own configuration needs would win over .dev.vars.
      env: { ...process.env, ...QUIET, AFFINITY_SECRET: undefined, ADMIN_TOKEN: undefined },
    },
  );
  let log = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (log += text));
  }
  const exit = once(child, "exit");
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await Promise.race([exit, sleep(5_000)]);
    }
    try {
      if (child.pid) process.kill(-child.pid, "SIGKILL");
    } catch {
      // ESRCH: the group is empty, as it should be.
    }
  };
  const deadline = Date.now() + LIMIT_MS;
  while (!/Ready on http/.test(log)) {
    if (Date.now() > deadline || child.exitCode !== null) {
      await stop();
      throw new Error(`wrangler dev did not start:\n${log}`);
    }
    await sleep(100);
  }
  return { url: `http://127.0.0.1:${port}`, stop };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
