import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, test } from "vitest";
import type { OriginAnswer } from "../kit/origin-routes.ts";
import { openRaw, type RawAnswer, type RawConnection } from "../kit/raw-http.ts";
import { poolOf, startScene, type Scene } from "./scene.ts";

const mebibyte = 1024 * 1024;
const failover = { timeout: "500ms" };
const health = { passive: { failures: 1000 } };

let scene: Scene;
let deaf: Server;
const held = new Set<Socket>();
const open: RawConnection[] = [];

beforeAll(async () => {
  // Accepts every connection, and never reads from it.
  deaf = createServer({ pauseOnConnect: true }, (socket) => {
    held.add(socket);
    socket.on("error", () => undefined);
  });
  await once(deaf.listen(0, "127.0.0.1"), "listening");
  const url = `http://127.0.0.1:${(deaf.address() as AddressInfo).port}`;
  scene = await startScene({
    names: ["app-1"],
    vars: (origins) => ({
      POOLS: [
        {
          name: "deaf",
          match: ["deaf.test/*"],
          origins: [{ name: "deaf", url }],
          failover,
          health,
        },
        poolOf(origins, { failover, health }),
      ],
    }),
  });
});

afterEach(() => {
  for (const connection of open.splice(0)) connection.destroy();
});

afterAll(async () => {
  for (const socket of held) socket.destroy();
  deaf.close();
  await scene.stop();
});

async function post(host: string, ...lines: string[]): Promise<RawConnection> {
  const connection = await openRaw(scene.url);
  open.push(connection);
  connection.write(["POST /upload HTTP/1.1", `Host: ${host}`, ...lines, "", ""].join("\r\n"));
  return connection;
}

const codeOf = (answer: RawAnswer): string =>
  (JSON.parse(String(answer.body)) as { code: string }).code;

describe("an origin that never reads an upload", () => {
  const length = 16 * mebibyte;

  test.for([
    ["of a said length", [`Content-Length: ${length}`]],
    [
      "that might be repeated, were it smaller",
      [`Content-Length: ${length}`, "Idempotency-Key: k"],
    ],
    ["in chunks", ["Transfer-Encoding: chunked"]],
  ] as const)("has its time limit, for a body %s: 504", async ([, lines], { expect }) => {
    const connection = await post("deaf.test", ...lines);
    const began = Date.now();
    const isChunked = lines[0].startsWith("Transfer");
    if (isChunked) connection.write(`${length.toString(16)}\r\n`);
    connection.write(Buffer.alloc(length, "limpet "));
    if (isChunked) connection.write("\r\n0\r\n\r\n");
    const answer = await connection.read({ method: "POST" });
    expect([answer.status, codeOf(answer)]).toEqual([504, "origin_timeout"]);
    expect(Date.now() - began).toBeGreaterThanOrEqual(450);
    expect(Date.now() - began).toBeLessThan(5_000);
  });
});

describe("a client that uploads slowly to an origin that reads", () => {
  const chunk = Buffer.alloc(200_000, "limpet ");

  test.for([
    ["of a said length", [`Content-Length: ${3 * chunk.length}`]],
    ["in chunks", ["Transfer-Encoding: chunked"]],
  ] as const)("gets its answer, for a body %s", async ([, lines], { expect }) => {
    const connection = await post("app.test", ...lines);
    const isChunked = lines[0].startsWith("Transfer");
    for (let n = 0; n < 3; n++) {
      // Longer than the origin may take for its answer.
      await sleep(800);
      if (isChunked) connection.write(`${chunk.length.toString(16)}\r\n`);
      connection.write(chunk);
      if (isChunked) connection.write("\r\n");
    }
    if (isChunked) connection.write("0\r\n\r\n");
    const answer = await connection.read({ method: "POST" });
    expect(answer.status).toBe(200);
    const seen = JSON.parse(String(answer.body)) as OriginAnswer;
    expect([seen.origin, seen.body.length]).toEqual(["app-1", 3 * chunk.length]);
  });
});
