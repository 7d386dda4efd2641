// A child process: as many listeners as asked for, each answering every request on a kept-alive
// connection with the same few bytes. It reads no header but Content-Length, so that the origins
// are never what a run measures. Ends with the process that started it.
import { createServer, type AddressInfo, type Socket } from "node:net";

const count = Number(process.argv[2] ?? 3);
const body = "ok\n".padEnd(256, ".");
const answer = Buffer.from(
  "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncache-control: no-store\r\n" +
    `content-length: ${body.length}\r\n\r\n${body}`,
);

function serve(socket: Socket): void {
  let head: Buffer = Buffer.alloc(0);
  let bodyLeft = 0;
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  socket.on("data", (data: Buffer) => {
    let rest = data;
    for (;;) {
      if (bodyLeft > 0) {
        const taken = Math.min(bodyLeft, rest.length);
        bodyLeft -= taken;
        rest = rest.subarray(taken);
        if (bodyLeft > 0) return;
        socket.write(answer);
      }
      if (head.length > 0) rest = Buffer.concat([head, rest]);
      const end = rest.indexOf("\r\n\r\n");
      head = end < 0 ? rest : Buffer.alloc(0);
      if (end < 0) return;
      const length = /\r\ncontent-length: *(\d+)/i.exec(rest.toString("latin1", 0, end + 2))?.[1];
      bodyLeft = Number(length ?? 0);
      rest = rest.subarray(end + 4);
      if (bodyLeft === 0) socket.write(answer);
      if (rest.length === 0) return;
    }
  });
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
