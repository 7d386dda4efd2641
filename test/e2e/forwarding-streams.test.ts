import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { OriginAnswer } from "../kit/origin-routes.ts";
import type { OriginHandler } from "../kit/origins.ts";
import { headerOf, openRaw } from "../kit/raw-http.ts";
import { rawRequest, startScene, type Scene } from "./scene.ts";

let scene: Scene;
/** Lets the origin write its next piece. */
let release = (): void => undefined;

const handler: OriginHandler = async (request, response) => {
  if (request.url === "/echo") {
    request.pipe(response);
    return true;
  }
  if (!request.url?.startsWith("/steps")) return false;
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (let n = 0; n < 3; n++) {
    response.write(`data: ${n}\n\n`);
    await new Promise<void>((resolve) => (release = resolve));
  }
  response.end();
  return true;
};

beforeAll(async () => {
  scene = await startScene({ names: ["app-1"], handler });
});

afterAll(() => scene.stop());

const sha = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

async function until(condition: () => boolean, limitMs = 5000): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error("it never came to be");
    await sleep(5);
  }
}

describe("an answer is streamed", () => {
  test("each event reaches the client before the next is written", async ({ expect }) => {
    const connection = await openRaw(scene.url);
    try {
      connection.write(`GET /steps HTTP/1.1\r\nHost: x\r\n\r\n`);
      for (let n = 0; n < 3; n++) {
        await until(() => connection.rest.includes(`data: ${n}\n\n`));
        expect(connection.rest.includes(`data: ${n + 1}`)).toBe(false);
        release();
      }
      const answer = await connection.read();
      expect(headerOf(answer, "content-type")).toBe("text/event-stream");
      expect(String(answer.body)).toBe("data: 0\n\ndata: 1\n\ndata: 2\n\n");
      expect(headerOf(answer, "set-cookie")).toMatch(/^affinity=/);
    } finally {
      connection.destroy();
    }
  });

  test("a client that leaves a stream ends it at the origin too", async ({ expect }) => {
    const connection = await openRaw(scene.url);
    connection.write("GET /sse?n=1000&ms=20 HTTP/1.1\r\nHost: x\r\n\r\n");
    await until(() => connection.rest.includes("data: 2"));
    const request = scene.origins[0]?.requests.at(-1);
    connection.destroy();
    await until(() => request?.abortedAt !== undefined);
    expect(request?.url).toBe("/sse?n=1000&ms=20");
  });

  test("of 20 MB comes whole, with its length", async ({ expect }) => {
    const answer = await rawRequest(scene.url, "GET /bytes/20000000");
    expect([answer.body.length, headerOf(answer, "content-length")]).toEqual([
      20_000_000,
      "20000000",
    ]);
    expect(sha(answer.body)).toBe(sha(Buffer.alloc(20_000_000, "limpet ")));
  });

  test("that the origin cuts short is not passed off as whole", async ({ expect }) => {
    await scene.origins[0]?.fail({ mode: "die-mid-body" });
    try {
      const answer = await rawRequest(scene.url, "GET /");
      expect([answer.status, answer.complete]).toEqual([200, false]);
    } finally {
      await scene.origins[0]?.heal();
    }
  });
});

describe("a request's body is streamed", () => {
  test("each chunk comes back from an echo before the next is sent", async ({ expect }) => {
    const connection = await openRaw(scene.url);
    try {
      connection.write("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
      for (const piece of ["first", "second", "third"]) {
        connection.write(`${piece.length.toString(16)}\r\n${piece}\r\n`);
        await until(() => connection.rest.includes(piece));
      }
      connection.write("0\r\n\r\n");
      const answer = await connection.read({ method: "POST" });
      expect(String(answer.body)).toBe("firstsecondthird");
    } finally {
      connection.destroy();
    }
  });

  test("of 20 MB arrives whole, with its length", async ({ expect }) => {
    const body = Buffer.alloc(20_000_000, "upload ");
    const lines = [`Content-Length: ${body.length}`, "Content-Type: application/octet-stream"];
    const answer = await rawRequest(scene.url, "PUT /up", lines, body);
    const seen = JSON.parse(String(answer.body)) as OriginAnswer;
    expect([seen.body.length, seen.body.sha256]).toEqual([body.length, sha(body)]);
    expect(headerOf(seen, "content-length")).toBe("20000000");
    expect(headerOf(seen, "transfer-encoding")).toBeUndefined();
  });

  test("Expect: 100-continue does not hold it up", async ({ expect }) => {
    const lines = ["Content-Length: 5", "Expect: 100-continue"];
    const answer = await rawRequest(scene.url, "POST /", lines, "hello");
    expect(answer.status).toBe(200);
    expect((JSON.parse(String(answer.body)) as OriginAnswer).body.text).toBe("hello");
  });

  test("an early answer to an unfinished upload reaches the client", async ({ expect }) => {
    const connection = await openRaw(scene.url);
    try {
      connection.write(
        "POST /status/413 HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\npart",
      );
      expect((await connection.read({ method: "POST" })).status).toBe(413);
    } finally {
      connection.destroy();
    }
  });
});

test("requests of one connection are answered in turn, pipelined ones too", async ({ expect }) => {
  const connection = await openRaw(scene.url);
  try {
    const one = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
    connection.write(one("/slow?ms=100") + one("/two") + one("/status/204") + one("/four"));
    const urls: string[] = [];
    for (let n = 0; n < 4; n++) {
      const answer = await connection.read();
      urls.push(answer.status === 204 ? "204" : (JSON.parse(String(answer.body)).url as string));
    }
    expect(urls).toEqual(["/slow?ms=100", "/two", "204", "/four"]);
  } finally {
    connection.destroy();
  }
});
