import { once } from "node:events";
import { createServer, type AddressInfo, type Server } from "node:net";
import { afterAll, beforeAll, describe, test } from "vitest";
import { headerOf, type RawAnswer } from "../kit/raw-http.ts";
import { startRouter, type Router } from "../kit/workerd.ts";
import { issued, rawRequest, secret } from "./scene.ts";

let server: Server;
let router: Router;
const heard: string[] = [];

/** An origin that answers with the status line and headers that the path says. */
beforeAll(async () => {
  server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      heard.push(String(bytes));
      const [, method, status] = /^(\w+) \/(\d{3})/.exec(String(bytes)) ?? [];
      const lines = [`HTTP/1.1 ${status} Odd`, "Connection: close", "X-App: 1"];
      if (status === "101") lines.push("Upgrade: foo");
      else lines.push("Content-Length: 2");
      if (method === "HEAD") lines.push("Transfer-Encoding: chunked");
      socket.end(
        `${lines.join("\r\n")}\r\n\r\n${status === "101" || method === "HEAD" ? "" : "ok"}`,
      );
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  router = await startRouter({
    vars: { ORIGINS: [`http://127.0.0.1:${port}`], EXPOSE: "status" },
    secrets: { AFFINITY_SECRET: secret },
  });
});

afterAll(async () => {
  await router.stop();
  server.close();
});

/** To a new client, and to one that has its cookie. */
async function answersTo(target: string, method = "GET"): Promise<RawAnswer[]> {
  const cookie = issued(await rawRequest(router.url, "GET /200"));
  return [
    await rawRequest(router.url, `${method} ${target}`),
    await rawRequest(router.url, `${method} ${target}`, [`Cookie: affinity=${cookie}`]),
  ];
}

describe("a status that no Response can be made with", () => {
  test.for(["600", "999"])("%s passes as it came", async (status, { expect }) => {
    for (const answer of await answersTo(`/${status}`)) {
      expect([String(answer.status), String(answer.body)]).toEqual([status, "ok"]);
      expect(answer.headers).toContainEqual(["X-App", "1"]);
    }
  });

  test("a switch of protocols that nobody asked for is a failure of the origin", async ({
    expect,
  }) => {
    for (const answer of await answersTo("/101")) {
      expect(answer.status).toBe(502);
      expect(String(answer.body)).toContain("origin_unreachable");
    }
  });
});

test.for(["200", "304"])(
  "HEAD is answered %s with a length and a coding, too",
  async (status, { expect }) => {
    for (const answer of await answersTo(`/${status}`, "HEAD")) {
      expect(String(answer.status)).toBe(status);
      expect(headerOf(answer, "content-length")).toBe("2");
      expect(headerOf(answer, "transfer-encoding")).toBeUndefined();
    }
  },
);

/** What the runtime does; should it fail after an upgrade, docs/reliability.md has good news to tell. */
test("a GET with a chunked body arrives without it", async ({ expect }) => {
  const chunks = "5\r\nhello\r\n0\r\n\r\n";
  heard.length = 0;
  const answer = await rawRequest(router.url, "GET /200", ["Transfer-Encoding: chunked"], chunks);
  expect(answer.status).toBe(200);
  expect(heard.join("")).not.toMatch(/hello|transfer-encoding/i);
});
