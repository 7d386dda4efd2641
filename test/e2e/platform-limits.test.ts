import { createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "vitest";
import { exchangeRaw, openRaw } from "../kit/raw-http.ts";
import { startRouter, type Router } from "../kit/workerd.ts";
import { secret } from "./scene.ts";

/**
 * What the runtime does that the router can't change, on the version that this project pins. Should one
 * of these fail after an upgrade, docs/reliability.md has good news to tell.
 */

let server: Server;
let router: Router;
const heard: string[] = [];
let sockets = 0;

/** An origin that answers whatever the path says, byte for byte. */
function answer(socket: Socket, head: string): void {
  if (head.startsWith("GET /early-hints")) {
    socket.write("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n");
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast");
  } else if (head.startsWith("GET /silent")) {
    socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 0\n\n");
  } else {
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  }
}

beforeAll(async () => {
  server = createServer((socket) => {
    sockets += 1;
    socket.on("error", () => undefined).once("close", () => (sockets -= 1));
    socket.on("data", (bytes) => {
      const text = String(bytes);
      heard.push(text);
      if (text.includes("\r\n\r\n")) answer(socket, text);
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  router = await startRouter({
    vars: { ORIGINS: [`http://127.0.0.1:${port}`], AFFINITY: "none" },
    secrets: { AFFINITY_SECRET: secret },
  });
});

afterAll(async () => {
  await router.stop();
  server.close();
});

const send = (bytes: string) => exchangeRaw(router.url, bytes, 700);

describe("the runtime", () => {
  test("drops 103 Early Hints, and passes the answer that follows", async ({ expect }) => {
    const answers = await send("GET /early-hints HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(answers.map(({ status, body }) => [status, String(body)])).toEqual([[200, "last"]]);
  });

  test("does not tell a silent origin that its client has left", async ({ expect }) => {
    const connection = await openRaw(router.url);
    connection.write("GET /silent HTTP/1.1\r\nHost: x\r\n\r\n");
    for (let n = 0; n < 200 && !connection.rest.includes("data: 0"); n++) await sleep(10);
    const before = sockets;
    connection.destroy();
    await sleep(1_000);
    expect(sockets).toBe(before);
  });
});

describe("of the forms of request smuggling", () => {
  const smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

  test.for([
    ["both lengths", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["two lengths", "Content-Length: 0\r\nContent-Length: 40\r\n\r\n"],
    ["a signed length", "Content-Length: +0\r\n\r\n"],
    ["an empty length", "Content-Length:\r\n\r\n"],
    ["an unknown coding", "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"],
    ["a blank before the colon", "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"],
    ["a folded line", "X-A: 1\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["a bare CR", "X-A: 1\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ] as const)("%s: no second request gets through", async ([, rest], { expect }) => {
    heard.length = 0;
    await send(`POST /first HTTP/1.1\r\nHost: x\r\n${rest}${smuggled}`);
    expect(heard.join("")).not.toContain("/smuggled");
  });

  test("no origin ever sees both lengths", async ({ expect }) => {
    heard.length = 0;
    await send(
      "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    );
    const all = heard.join("").toLowerCase();
    expect(all.includes("content-length") && all.includes("transfer-encoding")).toBe(false);
  });
});
