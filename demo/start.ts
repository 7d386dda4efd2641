// npm start: a shop on a few stateful origins, and the router in front of it, all on this machine.

import { setTimeout as sleep } from "node:timers/promises";
import { Children } from "./children.ts";
import { readOptions } from "./options.ts";
import { findPort } from "./ports.ts";
import { startRouter } from "./router.ts";
import { readSecrets } from "./secrets.ts";
import { welcome } from "./welcome.ts";
import { wrongSecrets } from "./wrong-secrets.ts";

const READY_TIMEOUT_MS = 60_000;
const FIRST_ORIGIN_PORT = 9001;

const options = readOptions();
const children = new Children();

// A closed terminal takes stdout with it: then there is nobody to tell, but still much to stop.
process.stdout.on("error", () => {});
process.stderr.on("error", () => {});

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => void stop(0));
}

// npm runs us through a shell. A signal sent to npm may end that shell and never reach us.
if (process.env["npm_lifecycle_event"]) {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && void stop(0), 500).unref();
}

try {
  await run();
} catch (error) {
  await fail((error as Error).message);
}

async function run(): Promise<void> {
  const secrets = readSecrets();
  const problem = wrongSecrets(secrets);
  if (problem !== null) throw new Error(problem);

  const taken = new Set<number>();
  const routerPort = await findPort("the router", options.port, taken);
  const origins = [];
  for (let i = 1; i <= options.origins; i++) {
    const name = `app-${i}`;
    const port = await findPort(name, FIRST_ORIGIN_PORT + i - 1, taken);
    origins.push({ name, port, url: `http://127.0.0.1:${port}` });
  }

  console.log("Starting the shop and the router …");
  const shops = origins.map((origin) => {
    const shop = children.fork("shop.ts", ["--name", origin.name, "--port", String(origin.port)]);
    shop.once("exit", () => {
      if (!children.stopping) console.log(`${origin.name} (pid ${shop.pid}) is gone.`);
    });
    return { ...origin, pid: shop.pid };
  });

  const router = startRouter(children, {
    port: routerPort,
    origins: origins.map(({ name, url }) => ({ name, url })),
    affinitySecret: secrets.affinitySecret,
    adminToken: secrets.adminToken,
    verbose: options.verbose,
  });
  router.process.once("close", () => {
    if (!children.stopping) void fail("The router ended unexpectedly.", router.log());
  });

  const routerUrl = `http://127.0.0.1:${routerPort}`;
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (const origin of origins) await answers(`${origin.url}/healthz`, deadline);
  try {
    await answers(`${routerUrl}/healthz`, deadline);
  } catch (error) {
    await fail((error as Error).message, router.log());
  }
  const { adminToken, tokenFrom } = secrets;
  if (!children.stopping) console.log(welcome({ routerUrl, adminToken, tokenFrom, shops }));
}

/** Resolves once `url` answers 200; throws what it saw last when the deadline has passed. */
async function answers(url: string, deadline: number): Promise<void> {
  let last = "nothing";
  while (Date.now() < deadline && !children.stopping) {
    try {
      // A prefetch is never pinned: looking whether the shop is open leaves no session behind.
      const headers = { "Sec-Purpose": "prefetch" };
      const response = await fetch(url, { headers, signal: AbortSignal.timeout(5_000) });
      const body = await response.text();
      if (response.status === 200) return;
      last = `${response.status} ${body.slice(0, 200)}`;
    } catch (error) {
      last = String((error as Error).cause ?? error);
    }
    await sleep(500);
  }
  throw new Error(
    `${url} did not answer 200 within ${READY_TIMEOUT_MS / 1000} s; last seen: ${last}`,
  );
}

async function fail(message: string, log = ""): Promise<void> {
  if (children.stopping) return;
  if (log && !options.verbose) console.error(`\n${log.trimEnd()}\n`);
  console.error(message);
  await stop(1);
}

async function stop(exitCode: number): Promise<void> {
  if (children.stopping) return;
  console.log("\nStopping …");
  await children.stop();
  process.exit(exitCode);
}
