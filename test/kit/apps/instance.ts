import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** One process of an application. It shares nothing with the others: its sessions are in its memory. */
export interface Instance {
  readonly name: string;
  readonly url: string;
  /** Ends the process without warning: connections break, memory is gone. */
  kill(): Promise<void>;
  /** A new process on the same port, which knows nobody. */
  start(): Promise<void>;
}

/** The applications of this folder. */
export type AppName = "express-shop" | "socket-io" | "mcp" | "tomcat" | "sse";

/** What must not outlive this process. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts an instance for each name. Throws when one ends before it listens. */
export function startInstances(
  app: AppName,
  names: readonly string[] = ["app-1", "app-2", "app-3"],
): Promise<Instance[]> {
  return Promise.all(names.map((name) => startInstance(app, name)));
}

async function startInstance(app: AppName, name: string): Promise<Instance> {
  let [child, port] = await launch(app, name, 0);
  return {
    name,
    url: `http://127.0.0.1:${port}`,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
    async start() {
      [child, port] = await launch(app, name, port);
    },
  };
}

async function launch(app: AppName, name: string, at: number): Promise<[ChildProcess, number]> {
  const file = join(import.meta.dirname, `${app}.ts`);
  const child = fork(file, [name, String(at)], {
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  running.add(child);
  child.once("exit", () => running.delete(child));
  const port = await new Promise<number>((resolve, reject) => {
    child.once("message", (message) => resolve(Number(message)));
    child.once("exit", (code) => reject(new Error(`${app} ${name} ended (${code})`)));
    child.once("error", reject);
  });
  return [child, port];
}
