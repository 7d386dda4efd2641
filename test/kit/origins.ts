import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { acceptWebSocket } from "./origin-socket.ts";
import { answerByPath, type OriginContext } from "./origin-routes.ts";

/** A request as it came over the socket. `body` fills while it arrives. */
export interface RecordedRequest {
  readonly method: string;
  readonly url: string;
  /** Name and value of every line: order, case and duplicates kept. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly upgrade: boolean;
  readonly at: number;
  body: Buffer;
  /** False until the body came to its end. */
  complete: boolean;
  /** When the router went away before the answer was finished. */
  abortedAt: number | undefined;
}

/** What an origin does wrong, from now on. */
export type Fault =
  | { readonly mode: "refuse" }
  | { readonly mode: "reset" }
  | { readonly mode: "hang" }
  | { readonly mode: "die-mid-body"; readonly chunked?: boolean }
  | { readonly mode: "status"; readonly status: number }
  | { readonly mode: "slow-headers"; readonly ms: number };

/** Returns true when it answered; otherwise the default routes do. */
export type OriginHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  context: OriginContext,
) => boolean | Promise<boolean>;

export interface OriginOptions {
  readonly name: string;
  readonly handler?: OriginHandler;
  readonly port?: number;
}

export interface Origin {
  readonly name: string;
  readonly url: string;
  readonly port: number;
  readonly requests: readonly RecordedRequest[];
  /** Forgets the recorded requests. */
  clear(): void;
  fail(fault: Fault): Promise<void>;
  heal(): Promise<void>;
  /** Ends every open connection, idle or not. */
  closeConnections(): void;
  stop(): Promise<void>;
  /** Listens again, on the same port. */
  start(): Promise<void>;
}

/** A real HTTP and WebSocket origin on loopback; `origin-routes.ts` says what it answers. */
export async function startOrigin(options: OriginOptions): Promise<Origin> {
  const { name, handler } = options;
  const requests: RecordedRequest[] = [];
  const sockets = new Set<Socket>();
  let fault: Fault | undefined;
  let port = options.port ?? 0;

  const server = createServer({ maxHeaderSize: 256 * 1024, keepAliveTimeout: 60_000 });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket)).on("error", () => undefined);
    if (fault?.mode === "reset") socket.resetAndDestroy();
  });
  server.on("request", (request, response) => {
    const recorded = record(request, false);
    response.once("close", () => {
      if (!response.writableFinished) recorded.abortedAt = Date.now();
    });
    void answer(request, response, recorded).catch(() => request.socket.destroy());
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    record(request, true);
    if (fault?.mode === "reset") return void request.socket.resetAndDestroy();
    if (fault?.mode === "hang") return;
    if (fault?.mode === "status") {
      socket.end(
        `HTTP/1.1 ${fault.status} Fault\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`,
      );
      return;
    }
    acceptWebSocket(name, request, socket, head);
  });

  function record(request: IncomingMessage, upgrade: boolean): RecordedRequest {
    const { rawHeaders } = request;
    const recorded: RecordedRequest = {
      method: request.method ?? "",
      url: request.url ?? "",
      headers: rawHeaders.flatMap((value, at) =>
        at % 2 ? [[rawHeaders[at - 1] ?? "", value] as const] : [],
      ),
      upgrade,
      at: Date.now(),
      body: Buffer.alloc(0),
      complete: upgrade,
      abortedAt: undefined,
    };
    requests.push(recorded);
    return recorded;
  }

  async function answer(
    request: IncomingMessage,
    response: ServerResponse,
    recorded: RecordedRequest,
  ): Promise<void> {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    const ended = once(request, "end").then(() => {
      recorded.body = Buffer.concat(chunks);
      recorded.complete = true;
    });
    ended.catch(() => undefined);
    const context: OriginContext = { name, recorded, ended };
    switch (fault?.mode) {
      case "reset":
        request.socket.resetAndDestroy();
        return;
      case "hang":
        return;
      case "die-mid-body":
        response.writeHead(200, fault.chunked ? {} : { "content-length": 100 });
        response.write("half a body", () => request.socket.destroy());
        return;
      case "status":
        await ended;
        response.writeHead(fault.status, { "content-type": "text/plain" }).end(`fault of ${name}`);
        return;
      case "slow-headers":
        await new Promise((resolve) =>
          setTimeout(resolve, fault?.mode === "slow-headers" ? fault.ms : 0),
        );
        break;
      case "refuse":
      case undefined:
    }
    if (handler && (await handler(request, response, context))) return;
    await answerByPath(request, response, context);
  }

  const closeConnections = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    closeConnections();
    await closed;
  };
  const start = async (): Promise<void> => {
    if (server.listening) return;
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    port = (server.address() as AddressInfo).port;
  };

  await start();
  return {
    name,
    port,
    url: `http://127.0.0.1:${port}`,
    requests,
    clear: () => void requests.splice(0),
    async fail(next) {
      fault = next;
      await (next.mode === "refuse" ? stop() : start());
    },
    async heal() {
      fault = undefined;
      await start();
    },
    closeConnections,
    stop,
    start,
  };
}
