import { connect } from "node:net";
import { once } from "node:events";
import { parseAnswer, type RawAnswer } from "./answer-parser.ts";

export { headerOf, headersOf, type RawAnswer } from "./answer-parser.ts";

export interface ReadOptions {
  /** The method that was asked; after HEAD no body is awaited. */
  readonly method?: string;
  readonly timeoutMs?: number;
}

export interface RawConnection {
  /** Sends exactly these bytes; text is Latin-1, so that every byte can be said. */
  write(bytes: string | Uint8Array): void;
  /** The next answer, 1xx ones included. Rejects after the time limit, or when none came. */
  read(options?: ReadOptions): Promise<RawAnswer>;
  /** Waits for the other side to close; false when it did not within the limit. */
  closed(timeoutMs?: number): Promise<boolean>;
  /** Every piece that arrived, and when: for what must be streamed. */
  readonly pieces: readonly { readonly at: number; readonly bytes: Buffer }[];
  /** The bytes that no answer has taken yet. */
  readonly rest: Buffer;
  /** Sends FIN, and still reads. */
  end(): void;
  /** Drops the connection. */
  destroy(): void;
}

const defaultTimeoutMs = 10_000;

/** Opens a socket to the host and port of a URL. */
export async function openRaw(url: string): Promise<RawConnection> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  await once(socket, "connect");
  socket.setNoDelay(true);
  const pieces: { at: number; bytes: Buffer }[] = [];
  let rest = Buffer.alloc(0);
  let ended = false;
  let failure: Error | undefined;
  let wake = (): void => undefined;

  socket.on("data", (bytes: Buffer) => {
    pieces.push({ at: Date.now(), bytes });
    rest = Buffer.concat([rest, bytes]);
    wake();
  });
  const finish = (error?: Error): void => {
    ended = true;
    failure ??= error;
    wake();
  };
  socket
    .on("end", () => finish())
    .on("close", () => finish())
    .on("error", finish);

  /** Until something arrives or ends; false when `deadline` came first. */
  function news(deadline: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), Math.max(0, deadline - Date.now()));
      wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  return {
    pieces,
    get rest() {
      return rest;
    },
    write: (bytes) =>
      void socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes),
    async read({ method = "GET", timeoutMs = defaultTimeoutMs } = {}) {
      const deadline = Date.now() + timeoutMs;
      for (;;) {
        const parsed = parseAnswer(rest, method, ended);
        if (parsed) {
          rest = Buffer.from(parsed.rest);
          return parsed.answer;
        }
        if (ended) throw new Error("the connection ended without an answer", { cause: failure });
        if (!(await news(deadline))) throw new Error(`no whole answer within ${timeoutMs} ms`);
      }
    },
    async closed(timeoutMs = defaultTimeoutMs) {
      const deadline = Date.now() + timeoutMs;
      for (;;) {
        if (ended) return true;
        if (!(await news(deadline))) return false;
      }
    },
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
  };
}

/** Sends bytes over a connection of their own and returns the first final answer. */
export async function sendRaw(
  url: string,
  bytes: string | Uint8Array,
  options: ReadOptions = {},
): Promise<RawAnswer> {
  const connection = await openRaw(url);
  try {
    connection.write(bytes);
    let answer = await connection.read(options);
    while (answer.status < 200 && answer.status !== 101) answer = await connection.read(options);
    return answer;
  } finally {
    connection.destroy();
  }
}

/** Sends bytes and returns every answer until the peer closes or stays silent for `idleMs`. */
export async function exchangeRaw(
  url: string,
  bytes: string | Uint8Array,
  idleMs = 500,
): Promise<RawAnswer[]> {
  const connection = await openRaw(url);
  const answers: RawAnswer[] = [];
  try {
    connection.write(bytes);
    for (;;) answers.push(await connection.read({ timeoutMs: idleMs }));
  } catch {
    return answers;
  } finally {
    connection.destroy();
  }
}
