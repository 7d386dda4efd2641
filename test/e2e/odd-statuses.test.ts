import { once } from "node:events";
import { createServer, type AddressInfo, type Server } from "node:net";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { RawAnswer } from "../kit/raw-http.ts";
import { startRouter, type Router } from "../kit/workerd.ts";
import { issued, rawRequest, secret } from "./scene.ts";

let server: Server;
let router: Router;

/** An origin that answers with the status line and headers that the path says. */
beforeAll(async () => {
  server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      const status = /^GET \/(\d{3})/.exec(String(bytes))?.[1] ?? "200";
      const lines = [`HTTP/1.1 ${status} Odd`, "Connection: close", "X-App: 1"];
      if (status === "101") lines.push("Upgrade: foo");
      else lines.push("Content-Length: 2");
      socket.end(`${lines.join("\r\n")}\r\n\r\n${status === "101" ? "" : "ok"}`);
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
async function answersTo(path: string): Promise<RawAnswer[]> {
  const cookie = issued(await rawRequest(router.url, "GET /200"));
  return [
    await rawRequest(router.url, `GET ${path}`),
    await rawRequest(router.url, `GET ${path}`, [`Cookie: affinity=${cookie}`]),
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
