import { createServer, type AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, it } from "vitest";

import { headersOf, sendRaw } from "../kit/raw-http.ts";
import { adminToken, poolOf, rawRequest, startScene, type Scene } from "./scene.ts";

/** Bytes that a well-behaved client never sends, over a real socket. */

let scene: Scene;
/** A host that no configuration names; whatever connects to it was led astray. */
const canary = createServer((socket) => {
  visits += 1;
  socket.destroy();
});
let visits = 0;
let elsewhere = "";

beforeAll(async () => {
  canary.listen(0, "127.0.0.1");
  await new Promise((resolve) => canary.once("listening", resolve));
  elsewhere = `127.0.0.1:${(canary.address() as AddressInfo).port}`;
  scene = await startScene({
    names: ["app-1"],
    vars: ([origin]) => ({
      LOG: "all",
      POOLS: [
        poolOf([], {
          origins: [{ name: "app-1", url: `${origin?.url}/base` }],
          client_ip: { header: "x-real-ip", trusted: ["10.0.0.0/8"] },
          affinity: [
            { by: "header", name: "X-Session" },
            { by: "query", name: "sid" },
            { by: "path", matrix: "jsessionid" },
            { by: "app-cookie", name: "SID" },
            "cookie",
          ],
        }),
      ],
    }),
  });
});

afterAll(async () => {
  await scene?.stop();
  canary.close();
});

beforeEach(() => scene.origins[0]?.clear());

const asked = () => scene.origins[0]!.requests;

/** A request with this request line and these header lines, Host among them if it is to be there. */
function send(start: string, lines: readonly string[], method = "GET") {
  const head = [`${start} HTTP/1.1`, ...lines, "", ""].join("\r\n");
  return sendRaw(scene.url, Buffer.from(head, "latin1"), { method }).catch(() => null);
}

describe("a request that tries to be sent elsewhere", () => {
  const attempts = (): readonly (readonly [string, readonly string[]])[] => {
    const host = `Host: ${new URL(scene.url).host}`;
    return [
      ["GET /x", [`Host: ${elsewhere}`]],
      ["GET /x", [host, `X-Forwarded-Host: ${elsewhere}`, `Forwarded: host="${elsewhere}"`]],
      ["GET /x", [host, `X-Original-URL: http://${elsewhere}/`, `X-Rewrite-URL: //${elsewhere}/`]],
      ["GET /x", [host, `Proxy: http://${elsewhere}`, `X-HTTP-Host-Override: ${elsewhere}`]],
      [`GET http://${elsewhere}/x`, [host]],
      [`GET //${elsewhere}/x`, [host]],
      [`GET /\\${elsewhere}/x`, [host]],
      [`GET \\\\${elsewhere}/x`, [host]],
      [`GET @${elsewhere}/x`, [host]],
      [`GET /@${elsewhere}/x`, [host]],
      [`GET :80@${elsewhere}/x`, [host]],
      [`GET /%2f%2f${elsewhere}/x`, [host]],
      [`GET /..//${elsewhere}/x`, [host]],
      [`GET /?u=@${elsewhere}/`, [host]],
      [`GET /#@${elsewhere}/`, [host]],
      ["GET /x", [`Host: app@${elsewhere}`]],
      ["GET /x", [`Host: a.example\\@${elsewhere}`]],
      ["GET /x", [`Host: a.example#@${elsewhere}`]],
      ["GET /x", [`Host: a.example?@${elsewhere}`]],
      ["GET /x", [`Host: a.example/@${elsewhere}`]],
      ["GET /x", [`Host: ${elsewhere}, a.example`]],
      ["GET /x", [host, `Host: ${elsewhere}`]],
      [`CONNECT ${elsewhere}`, [host]],
    ];
  };

  it("gets to its configured origin, below the base path, or nowhere", async ({ expect }) => {
    for (const [start, lines] of attempts()) {
      await send(start, lines, start.split(" ")[0]);
    }
    expect(visits).toBe(0);
    expect(asked().length).toBeGreaterThan(5);
    for (const { url } of asked()) expect(url).toMatch(/^\/base\//);
  });

  it.for(["/x/../../admin", "/..", "/%2e%2e/admin", "/x/..\\..\\admin", "/.%2E/%2e./admin"])(
    "can't leave the base path by %s, whatever host it names",
    async (path, { expect }) => {
      const hosts = ["a.example", "a.example:99999", "-[::1]", "[", "a:b:c", "1.2.3.4.5:80", ""];
      for (const host of hosts) await send(`GET ${path}`, [`Host: ${host}`]);
      for (const { url } of asked()) expect(url).toMatch(/^\/base\//);
    },
  );
});

describe("line breaks and control characters", () => {
  const BREAKS = ["\r", "\n", "\r\n", "\0", "\x0b", "\x0c", "\x1b[31m", "\x7f", "\x85"];
  const ENCODED = ["%0d%0a", "%0a", "%00", "%E5%98%8A%E5%98%8D", "%C4%8A", "\\r\\n"];

  it("become no header of the request to the origin, nor of the answer, nor a line of the log", async ({
    expect,
  }) => {
    const host = `Host: ${new URL(scene.url).host}`;
    const words = [...BREAKS, ...ENCODED].map((chars) => `a${chars}X-Injected: 1`);
    const before = scene.router.log.length;
    for (const word of words) {
      const inBytes = BREAKS.some((chars) => word.includes(chars) && /[\r\n]/.test(chars));
      const requests: readonly (readonly [string, readonly string[]])[] = [
        [`GET /x;jsessionid=${word}?sid=${word}`.replaceAll(" ", ""), [host]],
        ...(inBytes
          ? []
          : [
              ["GET /x", [`Host: ${word}`]] as const,
              [
                "GET /x",
                [host, `Cookie: SID=${word}; affinity=${word}; __Host-affinity=${word}`],
              ] as const,
              ["GET /x", [host, `X-Session: ${word}`, `CF-Ray: ${word}`]] as const,
              ["GET /x", [host, `X-Real-IP: ${word}`, `CF-Connecting-IP: ${word}`]] as const,
              ["GET /x", [host, `X-Forwarded-For: ${word}`, `Forwarded: ${word}`]] as const,
              ["GET /x", [host, `Connection: ${word}`, `User-Agent: ${word}`]] as const,
            ]),
      ];
      for (const [start, lines] of requests) {
        const answer = await send(start, lines);
        if (answer !== null) expect(headersOf(answer, "x-injected"), start).toEqual([]);
      }
    }
    for (const { url, headers } of asked()) {
      expect(
        headers.filter(([name]) => /injected/i.test(name)),
        url,
      ).toEqual([]);
      for (const [, value] of headers) expect(value).not.toMatch(/[\r\n\0]/);
    }
    const lines = scene.router.log
      .slice(before)
      .split("\n")
      .filter((line) => line !== "");
    expect(lines.length).toBeGreaterThan(10);
    for (const line of lines) {
      expect(line).not.toMatch(/^\W*X-?Injected/i);
      if (line.startsWith("{")) expect(() => JSON.parse(line), line).not.toThrow();
    }
  });

  it("of the log are those of requests, with names and numbers of ours only", async ({
    expect,
  }) => {
    const before = scene.router.log.length;
    await rawRequest(scene.url, "GET /secret-path?sid=secret-key", [
      "Cookie: SID=secret-cookie; affinity=secret-token",
      "X-Session: secret-session",
      "X-Real-IP: 203.0.113.99",
      "Authorization: Bearer secret-bearer",
    ]);
    await expect.poll(() => scene.router.log.slice(before)).toMatch(/"message":"request"/);
    expect(scene.router.log.slice(before)).not.toMatch(/secret|203\.0\.113\.99/);
  });
});

describe("the admin's routes", () => {
  it.for([
    "/api/sessions?cursor=default~-Infinity",
    "/api/sessions?cursor=default~-99999999.x",
    "/api/sessions?cursor=default~99999999.",
    "/api/sessions?cursor=default~",
    "/api/sessions?cursor=__proto__~1",
    "/api/sessions?limit=0",
    "/api/sessions?pool=%00&origin=%0d%0a",
    "/api/sessions/%00",
    "/api/sessions/..%2f..%2fx",
    "/api/sessions/%zz",
    "/api/pools/__proto__",
    "/api/pools/constructor/origins/toString",
    "/api/events?cursor=9999999999999999.9999",
    "/api/events?cursor=0.0",
  ])("answer %s at once, without an error of ours", async (path, { expect }) => {
    const answer = await rawRequest(scene.url, `GET /__limpet${path}`, [
      `Authorization: Bearer ${adminToken}`,
    ]);
    expect(answer.status, String(answer.body)).toBeLessThan(500);
  });

  it("answer long paths and queries too", async ({ expect }) => {
    for (const path of [`/${"x".repeat(8_000)}`, `?${"a&".repeat(4_000)}`]) {
      const answer = await rawRequest(scene.url, `GET /__limpet/api/sessions${path}`, [
        `Authorization: Bearer ${adminToken}`,
      ]);
      expect(answer.status).toBeLessThan(500);
    }
  });

  it("take no path of another writing for theirs, and give none of theirs away", async ({
    expect,
  }) => {
    // An origin's own, or refused: but never the admin's, and never with a word of it.
    for (const path of ["/%5f_limpet/api/pools", "/__LIMPET/api/pools", "//__limpet/api/pools"]) {
      const answer = await rawRequest(scene.url, `GET ${path}`);
      expect([200, 400, 404], path).toContain(answer.status);
      expect(String(answer.body)).not.toContain('"pools"');
    }
    scene.origins[0]?.clear();
    for (const path of ["/__limpet", "/__limpet/", "/__limpet/..%2fx", "/__limpet/api//pools"]) {
      const answer = await rawRequest(scene.url, `GET ${path}`);
      expect([401, 303, 302, 404, 200], path).toContain(answer.status);
      expect(String(answer.body)).not.toContain("app-1");
    }
    expect(asked()).toEqual([]);
  });
});
