import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";

const server = new WebSocketServer({
  noServer: true,
  maxPayload: 64 * 1024 * 1024,
  handleProtocols: (protocols) => [...protocols][0] ?? false,
});

// `?cookie=` lines ride on the 101, as on every other answer of an origin.
server.on("headers", (lines, request) => {
  const query = new URLSearchParams((request.url ?? "").split("?")[1] ?? "");
  for (const line of query.getAll("cookie")) lines.push(`Set-Cookie: ${line}`);
});

/**
 * Echoes every message as it came. Three texts are orders: `whoami` answers the origin's name,
 * `close <code> <reason>` closes so, and `kill` drops the connection.
 */
export function acceptWebSocket(
  name: string,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  server.handleUpgrade(request, socket, head, (connection) => {
    connection.on("error", () => undefined);
    connection.on("message", (data, isBinary) => {
      const text = isBinary ? "" : String(data);
      const close = /^close (\d+) ?(.*)$/.exec(text);
      if (text === "whoami") connection.send(name);
      else if (text === "kill") connection.terminate();
      else if (close) connection.close(Number(close[1]), close[2]);
      else connection.send(data, { binary: isBinary });
    });
  });
}
