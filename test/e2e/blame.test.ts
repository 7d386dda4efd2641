import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, test } from "vitest";
import { openRaw } from "../kit/raw-http.ts";
import { poolOf, rawRequest, startScene, type Scene } from "./scene.ts";

interface Pools {
  readonly pools: readonly {
    readonly origins: readonly { readonly name: string; readonly health: string }[];
  }[];
}

let scene: Scene;

// A router of its own for every test: one that is blamed leaves nothing for the next.
beforeEach(async () => {
  scene = await startScene({
    names: ["app-1", "app-2"],
    // One strike: whatever is laid to an origin's charge shows at once.
    pool: { health: { passive: { failures: 1, eject: "60s", max_ejected: 1 } } },
  });
});

afterEach(() => scene.stop());

/** What a client can do to have an origin put out, if the router lays it to the origin. */
async function health(): Promise<string[]> {
  // Isolates tell the pool's state in the background.
  await sleep(200);
  const { pools } = await scene.admin.get<Pools>("/api/pools");
  return pools[0]?.origins.map(({ name, health }) => `${name} ${health}`) ?? [];
}

const up = ["app-1 up", "app-2 up"];

/** Sends bytes and goes away in the middle. */
async function leave(bytes: string, afterMs = 100): Promise<void> {
  const connection = await openRaw(scene.url);
  connection.write(bytes);
  await sleep(afterMs);
  connection.destroy();
}

const post = (...lines: string[]) =>
  ["POST /late HTTP/1.1", "Host: x", ...lines, "", ""].join("\r\n");

describe("a client can't have an origin ejected", () => {
  test("by a GET or a HEAD with a body, which passes", async ({ expect }) => {
    for (const method of ["GET", "HEAD"]) {
      const answer = await rawRequest(scene.url, `${method} /`, ["Content-Length: 3"], "abc");
      expect([method, answer.status]).toEqual([method, 200]);
    }
    expect(await health()).toEqual(up);
  });

  test("by leaving in the middle of an upload", async ({ expect }) => {
    const uploads = [
      `${post("Content-Length: 100000")}part of it`,
      `${post("Transfer-Encoding: chunked")}4\r\npart\r\n`,
      `${post("Content-Length: 100000", "Idempotency-Key: k")}part of it`,
    ];
    await Promise.all([...uploads, ...uploads].map((bytes) => leave(bytes)));
    expect(await health()).toEqual(up);
  });

  test("by a body that breaks the rules of HTTP", async ({ expect }) => {
    const chunked = "Transfer-Encoding: chunked";
    await Promise.all(
      [post(chunked), post(chunked, "Idempotency-Key: k")].flatMap((head) => [
        leave(`${head}zz\r\njunk\r\n\r\n`),
        leave(`${head}4\r\nlonger than said\r\n0\r\n\r\n`),
      ]),
    );
    expect(await health()).toEqual(up);
  });

  test("by an upload that is slower than the time limit for the answer", async ({ expect }) => {
    await scene.router.restart({
      vars: {
        POOLS: [
          poolOf(scene.origins, {
            failover: { timeout: "300ms" },
            health: { passive: { failures: 1, eject: "60s", max_ejected: 1 } },
          }),
        ],
      },
    });
    await leave(`${post("Content-Length: 100000")}part of it`, 700);
    expect(await health()).toEqual(up);
  });

  test("by leaving while the origin takes its time", async ({ expect }) => {
    const bytes = "GET /slow?ms=1000 HTTP/1.1\r\nHost: x\r\n\r\n";
    await Promise.all([leave(bytes), leave(bytes), leave(bytes)]);
    expect(await health()).toEqual(up);
  });

  test("by leaving in the middle of an answer", async ({ expect }) => {
    const bytes = "GET /sse?n=50&ms=20 HTTP/1.1\r\nHost: x\r\n\r\n";
    await Promise.all([leave(bytes), leave(bytes), leave(bytes)]);
    expect(await health()).toEqual(up);
  });

  test("by odd headers, hosts and paths", async ({ expect }) => {
    const lines = ["X-Odd: \x80\xff", "Accept-Encoding: ,;q=,", "Cookie: ;;=;", "TE: x"];
    for (const path of ["/%", "/\\..\\x", "//", "/?#", `/${"%00".repeat(10)}`, "/@x:80/", "/:1"]) {
      const answer = await rawRequest(scene.url, `GET ${path}`, lines);
      expect([path, answer.status]).toEqual([path, 200]);
    }
    const hosts = ["", "a b", "[::1", "x:99999", 'a"b', "*", "x@y"];
    const starts = ["OPTIONS *", "CONNECT x:1", "CONNECT /", "PURGE /", "TRACK /"];
    await Promise.all([
      ...hosts.map((host) => leave(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)),
      ...starts.map((start) => leave(`${start} HTTP/1.1\r\nHost: x\r\n\r\n`)),
    ]);
    expect(await health()).toEqual(up);
  });

  test("by a WebSocket handshake that the app refuses, or by dropping the socket", async ({
    expect,
  }) => {
    const client = scene.client();
    for (let n = 0; n < 2; n++) {
      const socket = await client.webSocket("/ws");
      socket.terminate();
    }
    const lines = [
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-WebSocket-Protocol: ,,,",
      "Sec-WebSocket-Extensions: nonsense; x",
    ];
    await leave(`GET /ws HTTP/1.1\r\nHost: x\r\n${lines.join("\r\n")}\r\n\r\n`);
    expect(await health()).toEqual(up);
  });
});

test.for([[], ["Idempotency-Key: k"]])(
  "a body that is no chunked one is the client's mistake: 400 (%o)",
  async (lines, { expect }) => {
    const connection = await openRaw(scene.url);
    try {
      connection.write(`${post("Transfer-Encoding: chunked", ...lines)}zz\r\njunk\r\n\r\n`);
      const answer = await connection.read({ method: "POST" });
      expect([answer.status, JSON.parse(String(answer.body)).code]).toEqual([400, "bad_request"]);
    } finally {
      connection.destroy();
    }
  },
);
