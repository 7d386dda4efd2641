// A child process: as many listeners as asked for, each answering every request on a kept-alive
// connection with the same few bytes, /bytes/<n> with n bytes and /login with a session's cookie; and
// echoing WebSockets. It reads as little as it can, so that the origins are never what a run measures.
// Ends with the process that started it.
import { IncomingMessage } from "node:http";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { WebSocketServer } from "ws";

const count = Number(process.argv[2] ?? 3);
const echo = new WebSocketServer({ noServer: true });
const answer = answerOf(256);
const large = new Map<number, Buffer>();
let logins = 0;

function answerOf(bytes: number, header = ""): Buffer {
  return Buffer.from(
    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncache-control: no-store\r\n" +
      `${header}content-length: ${bytes}\r\n\r\n${"ok\n".padEnd(bytes, ".")}`,
  );
}

function answerTo(path: string): Buffer {
  const bytes = Number(/^\/bytes\/(\d+)/.exec(path)?.[1] ?? 0);
  if (bytes > 0) {
    const known = large.get(bytes) ?? answerOf(bytes);
    large.set(bytes, known);
    return known;
  }
  if (!path.startsWith("/login")) return answer;
  logins += 1;
  return answerOf(256, `set-cookie: JSESSIONID=${process.pid}-${logins}; Path=/; HttpOnly\r\n`);
}

function serve(socket: Socket): void {
  let head: Buffer = Buffer.alloc(0);
  let bodyLeft = 0;
  let reply = answer;
  const onData = (data: Buffer): void => {
    let rest = data;
    for (;;) {
      if (bodyLeft > 0) {
        const taken = Math.min(bodyLeft, rest.length);
        bodyLeft -= taken;
        rest = rest.subarray(taken);
        if (bodyLeft > 0) return;
        socket.write(reply);
      }
      if (head.length > 0) rest = Buffer.concat([head, rest]);
      const end = rest.indexOf("\r\n\r\n");
      head = end < 0 ? rest : Buffer.alloc(0);
      if (end < 0) return;
      const text = rest.toString("latin1", 0, end + 2);
      rest = rest.subarray(end + 4);
      if (/\r\nupgrade: *websocket/i.test(text)) {
        socket.off("data", onData);
        upgrade(socket, text, rest);
        return;
      }
      reply = answerTo(text.slice(text.indexOf(" ") + 1, text.indexOf(" HTTP")));
      bodyLeft = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0);
      if (bodyLeft === 0) socket.write(reply);
      if (rest.length === 0) return;
    }
  };
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  socket.on("data", onData);
}

function upgrade(socket: Socket, text: string, rest: Buffer): void {
  const request = new IncomingMessage(socket);
  request.method = "GET";
  for (const line of text.split("\r\n").slice(1)) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon)).toLowerCase();
    request.headers[name] = line.slice(colon + 1).trim();
  }
  echo.handleUpgrade(request, socket, rest, (one) => one.on("message", (data) => one.send(data)));
}

const ports = await Promise.all(
  Array.from(
    { length: count },
    () =>
      new Promise<number>((resolve) => {
        const server = createServer({ noDelay: true }, serve);
        server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
      }),
  ),
);
process.send?.(ports);
process.once("disconnect", () => process.exit());
