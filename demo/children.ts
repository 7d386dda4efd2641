import { type ChildProcess, fork, spawn, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const GRACE_MS = 5_000;

/**
 * The processes of one run. Each leads a process group of its own: Ctrl-C reaches only us, we stop
 * them in our own way, and whatever they started goes with them.
 */
export class Children {
  stopping = false;
  readonly #processes: ChildProcess[] = [];

  /** Runs a file of this folder in a second Node that notices when we are gone. */
  fork(file: string, args: readonly string[]): ChildProcess {
    const path = join(import.meta.dirname, file);
    return this.#add(fork(path, args, { detached: true }));
  }

  /** Runs a script with the Node that runs us. */
  node(script: string, args: readonly string[], options: SpawnOptions): ChildProcess {
    return this.#add(spawn(process.execPath, [script, ...args], { ...options, detached: true }));
  }

  /** Resolves when none is left: asked first, and killed after five seconds. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.#processes.map(stop));
  }

  #add(child: ChildProcess): ChildProcess {
    this.#processes.push(child);
    // At once, while the group's number can't belong to anybody else.
    child.once("exit", () => killGroup(child));
    return child;
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  const exited = await Promise.race([exit, sleep(GRACE_MS, undefined)]);
  if (exited === undefined) killGroup(child);
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // ESRCH: the group is empty, as it should be.
  }
}
