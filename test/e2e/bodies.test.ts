import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { OriginAnswer } from "../kit/origin-routes.ts";
import type { OriginHandler } from "../kit/origins.ts";
import { headerOf, openRaw } from "../kit/raw-http.ts";
import { rawRequest, startScene, type Scene } from "./scene.ts";

const mebibyte = 1024 * 1024;
const piece = Buffer.alloc(256 * 1024, "limpet ");
const pieces = 256;
const sha = (...all: readonly Buffer[]) => {
  const hash = createHash("sha256");
  for (const each of all) hash.update(each);
  return hash.digest("hex");
};
const whole = sha(...Array.from({ length: pieces }, () => piece));

/** Answers and uploads of 64 MiB that no side ever holds as a whole. */
const handler: OriginHandler = async (incoming, response) => {
  const [path = ""] = (incoming.url ?? "").split("?");
  if (path.startsWith("/down")) {
    if (path === "/down/length") response.setHeader("content-length", pieces * piece.length);
    for (let n = 0; n < pieces; n++) {
      if (!response.write(piece)) await once(response, "drain");
    }
    response.end();
    return true;
  }
  if (path === "/up") {
    const hash = createHash("sha256");
    incoming.removeAllListeners("data");
    for await (const chunk of incoming) hash.update(chunk as Buffer);
    response.end(hash.digest("hex"));
    return true;
  }
  if (path === "/brotli") {
    response.writeHead(200, { "content-encoding": "br", etag: '"b"' });
    response.end(brotliCompressSync("limpet ".repeat(500)));
    return true;
  }
  if (path === "/ranges") {
    response.writeHead(206, { "content-type": "multipart/byteranges; boundary=x" });
    response.end("--x\r\n\r\nli\r\n--x\r\n\r\npet\r\n--x--");
    return true;
  }
  if (path === "/not-modified") {
    response.writeHead(304, { etag: '"v1"', vary: "Accept", "cache-control": "max-age=5" }).end();
    return true;
  }
  return false;
};

let scene: Scene;

beforeAll(async () => {
  scene = await startScene({ names: ["app-1"], handler });
});

afterAll(() => scene.stop());

function rssMib(): number {
  const kib = execFileSync("ps", ["-o", "rss=", "-p", String(scene.router.pid)]);
  return Number(String(kib)) / 1024;
}

/** By how many MiB the router's process grew at most while this went on. */
async function growth(work: () => Promise<void>): Promise<number> {
  const before = rssMib();
  let most = before;
  const watch = setInterval(() => (most = Math.max(most, rssMib())), 20);
  await work().finally(() => clearInterval(watch));
  return Math.max(most, rssMib()) - before;
}

describe("64 MiB pass at flat memory", () => {
  test.for(["/down/length", "/down/chunked"])(
    "to the client, every byte of it: %s",
    async (path, { expect }) => {
      const hash = createHash("sha256");
      const grown = await growth(async () => {
        const outgoing = request(`${scene.url}${path}`).end();
        const [answer] = (await once(outgoing, "response")) as [AsyncIterable<Buffer>];
        for await (const chunk of answer) hash.update(chunk);
      });
      expect(hash.digest("hex")).toBe(whole);
      expect(grown).toBeLessThan(32);
    },
  );

  test.for([
    ["of a said length", { "content-length": String(pieces * piece.length) }],
    ["in chunks", { "transfer-encoding": "chunked" }],
    [
      "that might be repeated, were it smaller",
      { "content-length": String(pieces * piece.length), "idempotency-key": "k" },
    ],
  ] as const)("to the origin, a body %s", async ([, headers], { expect }) => {
    let answered = "";
    const grown = await growth(async () => {
      const outgoing = request(`${scene.url}/up`, { method: "POST", headers });
      const response = once(outgoing, "response") as Promise<[AsyncIterable<Buffer>]>;
      for (let n = 0; n < pieces; n++) {
        if (!outgoing.write(piece)) await once(outgoing, "drain");
      }
      outgoing.end();
      const [answer] = await response;
      for await (const chunk of answer) answered += String(chunk);
    });
    expect(answered).toBe(whole);
    expect(grown).toBeLessThan(32);
  });

  test("and a client that reads late holds the origin back, not the router's memory", async ({
    expect,
  }) => {
    const grown = await growth(async () => {
      const outgoing = request(`${scene.url}/down/length`).end();
      const [answer] = (await once(outgoing, "response")) as [AsyncIterable<Buffer>];
      await sleep(500);
      for await (const chunk of answer) void chunk;
    });
    expect(grown).toBeLessThan(32);
  });
});

describe("bodies and their headers", () => {
  test("a brotli answer keeps bytes, encoding and ETag", async ({ expect }) => {
    const answer = await rawRequest(scene.url, "GET /brotli", ["Accept-Encoding: gzip"]);
    expect([headerOf(answer, "content-encoding"), headerOf(answer, "etag")]).toEqual(["br", '"b"']);
    expect(answer.body.equals(brotliCompressSync("limpet ".repeat(500)))).toBe(true);
  });

  test("an upload that is compressed arrives so", async ({ expect }) => {
    const body = gzipSync("upload ".repeat(500));
    const lines = [`Content-Length: ${body.length}`, "Content-Encoding: gzip"];
    const answer = await rawRequest(scene.url, "POST /x", lines, body);
    const seen = JSON.parse(String(answer.body)) as OriginAnswer;
    expect([headerOf(seen, "content-encoding"), seen.body.sha256]).toEqual(["gzip", sha(body)]);
  });

  test("several ranges are the origin's to answer", async ({ expect }) => {
    const answer = await rawRequest(scene.url, "GET /ranges", ["Range: bytes=0-1,3-5"]);
    expect(answer.status).toBe(206);
    expect(headerOf(answer, "content-type")).toBe("multipart/byteranges; boundary=x");
    expect(String(answer.body)).toContain("--x--");
  });

  test("a 304 keeps what it says of the stored answer", async ({ expect }) => {
    const client = scene.client();
    await client.get("/");
    const answer = await client.get("/not-modified", { "if-none-match": '"v1"' });
    expect([answer.status, answer.body.length, answer.setCookies]).toEqual([304, 0, []]);
    expect(headerOf(answer, "etag")).toBe('"v1"');
    expect(headerOf(answer, "cache-control")).toBe("max-age=5");
    expect(headerOf(answer, "vary")).toBe("Accept");
  });

  test("a chunked answer that the origin cuts short does not end as if it were whole", async ({
    expect,
  }) => {
    await scene.origins[0]?.fail({ mode: "die-mid-body", chunked: true });
    try {
      const answer = await rawRequest(scene.url, "GET /");
      expect([answer.status, answer.complete]).toEqual([200, false]);
    } finally {
      await scene.origins[0]?.heal();
    }
  });

  test("Expect: 100-continue is answered before the body is sent", async ({ expect }) => {
    const connection = await openRaw(scene.url);
    try {
      connection.write(
        "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
      );
      expect((await connection.read({ method: "POST" })).status).toBe(100);
      connection.write("hello");
      const answer = await connection.read({ method: "POST" });
      expect((JSON.parse(String(answer.body)) as OriginAnswer).body.text).toBe("hello");
    } finally {
      connection.destroy();
    }
  });

  test("an upload begins at the origin before the client has finished it", async ({ expect }) => {
    const connection = await openRaw(scene.url);
    try {
      const size = 2 * mebibyte;
      connection.write(`PUT /early HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n\r\n`);
      connection.write(Buffer.alloc(size / 2, "a"));
      const begun = () => scene.origins[0]?.requests.some(({ url }) => url === "/early") ?? false;
      for (let n = 0; n < 200 && !begun(); n++) await sleep(10);
      expect(begun()).toBe(true);
      connection.write(Buffer.alloc(size / 2, "b"));
      expect((await connection.read({ method: "PUT" })).status).toBe(200);
    } finally {
      connection.destroy();
    }
  });
});
