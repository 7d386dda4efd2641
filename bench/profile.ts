import { once } from "node:events";
import { WebSocket } from "ws";

/** The devtools protocol of a Worker, through the runtime's inspector. */
export class Inspector {
  readonly #socket: WebSocket;
  #last = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** Connects to the isolate behind an inspector port. */
  static async connect(port: number): Promise<Inspector> {
    const answer = await fetch(`http://127.0.0.1:${port}/json/list`);
    const targets = (await answer.json()) as { webSocketDebuggerUrl: string }[];
    const url = targets.find((target) => !/internet|storage/.test(target.webSocketDebuggerUrl));
    if (url === undefined) throw new Error("nothing to inspect");
    const socket = new WebSocket(url.webSocketDebuggerUrl);
    await once(socket, "open");
    return new Inspector(socket);
  }

  /** One command; throws what the isolate says against it. */
  async send<T>(method: string, params: object = {}): Promise<T> {
    this.#last += 1;
    const id = this.#last;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const hear = (data: Buffer): void => {
      const answer = JSON.parse(String(data)) as { id?: number; result: T; error?: unknown };
      if (answer.id !== id) return;
      this.#socket.off("message", hear);
      if (answer.error === undefined) resolve(answer.result);
      else reject(new Error(`${method}: ${JSON.stringify(answer.error)}`));
    };
    this.#socket.on("message", hear);
    this.#socket.send(JSON.stringify({ id, method, params }));
    return promise;
  }

  /** Bytes of the heap in use. The runtime collects no garbage on demand, so that is in it, too. */
  async heapBytes(): Promise<number> {
    return (await this.send<{ usedSize: number }>("Runtime.getHeapUsage")).usedSize;
  }

  close(): void {
    this.#socket.close();
  }
}

/** What the inspector calls a profile; the same as a .cpuprofile file. */
export interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Functions by time of their own, the most first; shares of the time that was not idle. */
export function topFunctions(profile: Profile, most: number): (readonly [string, number])[] {
  const names = new Map(
    profile.nodes.map(({ id, callFrame }) => [
      id,
      callFrame.functionName === ""
        ? `(anonymous, line ${callFrame.lineNumber + 1})`
        : callFrame.functionName,
    ]),
  );
  const times = new Map<string, number>();
  for (const [at, id] of profile.samples.entries()) {
    const name = names.get(id) ?? "?";
    if (name === "(idle)") continue;
    times.set(name, (times.get(name) ?? 0) + (profile.timeDeltas[at] ?? 0));
  }
  const all = [...times.values()].reduce((sum, time) => sum + time, 0);
  return [...times]
    .map(([name, time]) => [name, time / all] as const)
    .sort(([, a], [, b]) => b - a)
    .slice(0, most);
}
