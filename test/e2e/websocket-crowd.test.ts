import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { headerOf } from "../kit/raw-http.ts";
import { report } from "../kit/tally.ts";
import { startRouter, type Router } from "../kit/workerd.ts";
import { rawRequest, secret } from "./scene.ts";

const mebibyte = 1024 * 1024;
let server: Server;
let router: Router;
/** How the clients' sockets ended at the origin: code and reason. */
const ends: string[] = [];

beforeAll(async () => {
  server = createServer();
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 4 * mebibyte });
  sockets.on("connection", (socket) => {
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
    socket.on("close", (code, reason) => ends.push(`${code} ${String(reason)}`));
    socket.on("error", () => undefined);
  });
  server.on("upgrade", (request, socket, head) => {
    if (request.url === "/refuse") {
      socket.end(
        "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nX-Why: members\r\n" +
          "Content-Length: 12\r\nConnection: close\r\n\r\nmembers only",
      );
      return;
    }
    sockets.handleUpgrade(request, socket, head, (one) => sockets.emit("connection", one));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  router = await startRouter({
    vars: { ORIGINS: [`http://127.0.0.1:${port}`] },
    secrets: { AFFINITY_SECRET: secret },
  });
});

afterAll(async () => {
  await router.stop();
  server.closeAllConnections();
  server.close();
});

async function open(): Promise<WebSocket> {
  const socket = new WebSocket(`${router.url.replace("http", "ws")}/ws`);
  await once(socket, "open");
  return socket;
}

async function echo(socket: WebSocket): Promise<Buffer> {
  const [data] = (await once(socket, "message")) as [Buffer];
  return data;
}

describe("a WebSocket", () => {
  test("passes fragments as one message, and 1 MiB both ways", async ({ expect }) => {
    const socket = await open();
    const whole = echo(socket);
    socket.send("one, ", { fin: false });
    socket.send("two, ", { fin: false });
    socket.send("three", { fin: true });
    expect(String(await whole)).toBe("one, two, three");
    const bytes = Buffer.alloc(mebibyte - 1, "\x00\xfflimpet", "latin1");
    const back = echo(socket);
    socket.send(bytes);
    expect((await back).equals(bytes)).toBe(true);
    socket.terminate();
  });

  test("tells the origin the code and reason that its client ended with", async ({ expect }) => {
    for (const [code, reason] of [
      [1000, "done"],
      [3001, ""],
      [4002, "grüße"],
    ] as const) {
      const socket = await open();
      ends.length = 0;
      const closed = once(socket, "close") as Promise<[number]>;
      socket.close(code, reason);
      expect((await closed)[0]).toBe(code);
      for (let n = 0; n < 200 && ends.length === 0; n++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      expect(ends).toEqual([`${code} ${reason}`]);
    }
  });

  test("that the origin refuses brings its status, headers and body", async ({ expect }) => {
    const answer = await rawRequest(router.url, "GET /refuse", [
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]);
    expect([answer.status, headerOf(answer, "x-why"), String(answer.body)]).toEqual([
      403,
      "members",
      "members only",
    ]);
  });

  test("of 500 hears what was said to it and nothing else", async ({ expect, task }) => {
    const sockets = await Promise.all(Array.from({ length: 500 }, open));
    const heard = sockets.map((): string[] => []);
    for (const [at, socket] of sockets.entries()) {
      socket.on("message", (data) => heard[at]?.push(String(data)));
    }
    for (let round = 0; round < 3; round++) {
      for (const [at, socket] of sockets.entries()) socket.send(`${at}:${round}`);
    }
    const isAll = () => heard.every(({ length }) => length === 3);
    for (let n = 0; n < 1_000 && !isAll(); n++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const wrong = heard.filter((texts, at) => texts.join() !== `${at}:0,${at}:1,${at}:2`).length;
    for (const socket of sockets) socket.terminate();
    report(task, { requests: 500, faults: 0, pinsLost: 0, failed: wrong });
    expect(wrong).toBe(0);
  });
});
