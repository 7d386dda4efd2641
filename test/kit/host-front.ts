import { once } from "node:events";
import { createServer, request as send, type IncomingMessage } from "node:http";
import { connect, type AddressInfo } from "node:net";

export interface HostFront {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Stands in for DNS and the edge, for clients that can't say another Host than their URL's: whatever
 * comes here goes on to `target` with these headers, WebSockets and streams included.
 */
export async function startHostFront(
  target: string,
  headers: Readonly<Record<string, string>>,
): Promise<HostFront> {
  const { hostname, port } = new URL(target);
  const server = createServer((incoming, outgoing) => {
    const onward = send(
      { hostname, port, method: incoming.method, path: incoming.url, headers: headersOf(incoming) },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
        answer.pipe(outgoing);
        answer.once("error", () => outgoing.destroy());
      },
    );
    onward.once("error", () => outgoing.destroy());
    outgoing.once("close", () => onward.destroy());
    incoming.pipe(onward);
  });
  server.on("upgrade", (incoming, socket, head) => {
    const onward = connect(Number(port), hostname);
    const lines = Object.entries(headersOf(incoming)).map(([name, value]) => `${name}: ${value}`);
    onward.write(`GET ${incoming.url} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
    onward.write(head);
    socket.pipe(onward).pipe(socket);
    for (const [end, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      end.once("error", () => other.destroy()).once("close", () => other.destroy());
    }
  });

  function headersOf(incoming: IncomingMessage): Record<string, string> {
    return { ...(incoming.headers as Record<string, string>), ...headers };
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
