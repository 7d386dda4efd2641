import { createHash } from "node:crypto";
import { afterEach, describe, it } from "vitest";
import type { OriginAnswer } from "../kit/origin-routes.ts";
import { headerOf, openRaw, sendRaw } from "../kit/raw-http.ts";
import {
  clientOn,
  codeOf,
  originOf,
  startScene,
  stopScenes,
  until,
  visit,
  type Scene,
} from "./failover-scene.ts";

afterEach(stopScenes);

const mebibyte = 1024 * 1024;
const keyed = { "idempotency-key": "order-1" };

function posts(scene: Scene, ...names: string[]): number[] {
  return names.map(
    (name) => scene.origin(name).requests.filter(({ method }) => method !== "GET").length,
  );
}

describe("a request that may not be sent twice", () => {
  it.for(["POST", "PUT", "PATCH", "DELETE"])(
    "is not: %s without an Idempotency-Key is answered 502 and leaves the pin",
    async (method, { expect }) => {
      const scene = await startScene({ origins: { a: {}, b: {}, c: {} } });
      const client = await clientOn(scene, "a");
      const cookie = client.cookieHeader;
      await scene.origin("a").fail({ mode: "reset" });
      const answer = await client.request("/order", { method, body: "one" });
      expect([answer.status, codeOf(answer)]).toEqual([502, "origin_unreachable"]);
      expect(answer.setCookies).toEqual([]);
      expect(client.cookieHeader).toBe(cookie);
      expect(posts(scene, "b", "c")).toEqual([0, 0]);
      expect(posts(scene, "a")[0]).toBeLessThanOrEqual(1);
      expect(await visit(client)).not.toBe("a");
    },
  );

  it("is answered 504 when its origin is too slow, and what it answers itself is passed on", async ({
    expect,
  }) => {
    const scene = await startScene({
      origins: { a: {}, b: {} },
      pool: { failover: { timeout: "600ms" } },
    });
    const client = await clientOn(scene, "a");
    await scene.origin("a").fail({ mode: "hang" });
    const late = await client.post("/order", "one");
    expect([late.status, codeOf(late)]).toEqual([504, "origin_timeout"]);
    await scene.origin("a").fail({ mode: "status", status: 503 });
    const busy = await client.post("/order", "two");
    expect([busy.status, busy.text]).toEqual([503, "fault of a"]);
    expect(posts(scene, "a", "b")).toEqual([2, 0]);
  });

  it("goes to the session's new origin once the old one is known to be down", async ({
    expect,
  }) => {
    const scene = await startScene({
      origins: { a: {}, b: {} },
      pool: { health: { passive: { failures: 3, window: "10s", eject: "20s" } } },
    });
    const client = await clientOn(scene, "a");
    await scene.origin("a").fail({ mode: "refuse" });
    for (let n = 0; n < 3; n++) expect((await client.post("/order", "x")).status).toBe(502);
    expect(originOf(await client.post("/order", "x"))).toBe("b");
    expect(posts(scene, "b")).toEqual([1]);
  });
});

describe("a request that may be sent again", () => {
  it.for(["POST", "PUT", "PATCH", "DELETE"])(
    "is: %s with an Idempotency-Key, its body whole",
    async (method, { expect }) => {
      const scene = await startScene({ origins: { a: {}, b: {} } });
      const client = await clientOn(scene, "a");
      await scene.origin("a").fail({ mode: "reset" });
      const answer = await client.request("/order", { method, headers: keyed, body: "one apple" });
      expect(originOf(answer)).toBe("b");
      const seen = answer.json<OriginAnswer>();
      expect([seen.method, seen.body.text]).toEqual([method, "one apple"]);
      expect(seen.headers).toContainEqual(["idempotency-key", "order-1"]);
      expect(posts(scene, "b")).toEqual([1]);
    },
  );

  it("is replayed up to a body of 1 MiB, and no further", async ({ expect }) => {
    const scene = await startScene({ origins: { a: {}, b: {} } });
    const client = await clientOn(scene, "a");
    await scene.origin("a").fail({ mode: "refuse" });
    const tooLarge = Buffer.alloc(mebibyte + 1, "limpet ");
    const refused = await client.request("/", { method: "POST", headers: keyed, body: tooLarge });
    expect([refused.status, codeOf(refused)]).toEqual([502, "origin_unreachable"]);
    expect(posts(scene, "b")).toEqual([0]);

    const body = tooLarge.subarray(1);
    const answer = await client.request("/", { method: "POST", headers: keyed, body });
    expect(answer.json<OriginAnswer>()).toMatchObject({
      origin: "b",
      body: { length: mebibyte, sha256: createHash("sha256").update(body).digest("hex") },
    });
  });

  it("is replayed when its small body came in chunks of unsaid length", async ({ expect }) => {
    const scene = await startScene({ origins: { a: {}, b: {} } });
    const client = await clientOn(scene, "a");
    await scene.origin("a").fail({ mode: "refuse" });
    const answer = await sendRaw(
      scene.router.url,
      `POST / HTTP/1.1\r\nHost: x\r\nCookie: ${client.cookieHeader}\r\nIdempotency-Key: k\r\n` +
        "Transfer-Encoding: chunked\r\n\r\n5\r\napple\r\n0\r\n\r\n",
      { method: "POST" },
    );
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body.toString())).toMatchObject({
      origin: "b",
      body: { text: "apple" },
    });
  });

  it("streams a large body as it comes, unretried", async ({ expect }) => {
    const scene = await startScene({ origins: { a: {} } });
    const client = await clientOn(scene, "a");
    const connection = await openRaw(scene.router.url);
    const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
    connection.write(
      `POST /echo HTTP/1.1\r\nHost: x\r\nCookie: ${client.cookieHeader}\r\n` +
        `Idempotency-Key: k\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    for (let n = 0; n < 32; n++) connection.write(chunk);
    // The origin echoes what arrived although the body is far from its end.
    await until(() => connection.rest.length > mebibyte, 4_000);
    connection.write("0\r\n\r\n");
    const answer = await connection.read();
    connection.destroy();
    expect([answer.status, answer.body.length, answer.complete]).toEqual([200, 2 * mebibyte, true]);
  });

  it.for(["HEAD", "OPTIONS"])("is: %s", async (method, { expect }) => {
    const scene = await startScene({ origins: { a: {}, b: {} } });
    const client = await clientOn(scene, "a");
    await scene.origin("a").fail({ mode: "status", status: 502 });
    const answer = await client.request("/bytes/7", { method });
    expect([answer.status, headerOf(answer, "content-length")]).toEqual([200, "7"]);
    expect(posts(scene, "a", "b")).toEqual([1, 1]);
  });
});

describe("attempts", () => {
  it("never go to one origin twice; the last real answer is returned", async ({ expect }) => {
    const scene = await startScene({
      origins: { a: {}, b: {}, c: {} },
      pool: { failover: { retries: 9 } },
    });
    const client = await clientOn(scene, "a");
    const all = ["a", "b", "c"].map((name) => scene.origin(name));
    for (const origin of all) await origin.fail({ mode: "status", status: 503 });
    for (const origin of all) origin.clear();
    const answer = await client.get("/");
    expect(all.map(({ requests }) => requests.length)).toEqual([1, 1, 1]);
    expect(answer.status).toBe(503);
    expect(answer.text).toMatch(/^fault of [bc]$/);
  });

  it("return an earlier real answer when the later ones failed without any", async ({ expect }) => {
    const scene = await startScene({ origins: { a: {}, b: {} } });
    const client = await clientOn(scene, "a");
    await scene.origin("a").fail({ mode: "status", status: 503 });
    await scene.origin("b").fail({ mode: "refuse" });
    const answer = await client.get("/");
    expect([answer.status, answer.text]).toEqual([503, "fault of a"]);
    expect(answer.setCookies).toEqual([]);
  });

  it("are as many as retries says", async ({ expect }) => {
    const origins = { a: {}, b: {}, c: {}, d: {} };
    for (const retries of [0, 1, 2]) {
      const scene = await startScene({ origins, pool: { failover: { retries } } });
      const client = await clientOn(scene, "a");
      const all = Object.keys(origins).map((name) => scene.origin(name));
      for (const origin of all) await origin.fail({ mode: "reset" });
      for (const origin of all) origin.clear();
      const answer = await client.get("/");
      expect([answer.status, codeOf(answer)]).toEqual([502, "origin_unreachable"]);
      const asked = all.filter(({ requests }) => requests.length > 0);
      expect(asked.length).toBeLessThanOrEqual(1 + retries);
    }
  });

  it("follow retry_status", async ({ expect }) => {
    const failover = { retry_status: [500, 599] };
    const scene = await startScene({ origins: { a: {}, b: {} }, pool: { failover } });
    const client = await clientOn(scene, "a");
    await scene.origin("a").fail({ mode: "status", status: 503 });
    expect((await client.get("/")).text).toBe("fault of a");
    await scene.origin("a").fail({ mode: "status", status: 500 });
    expect(await visit(client)).toBe("b");
  });

  it("share one time budget", async ({ expect }) => {
    const scene = await startScene({
      origins: { a: {}, b: {}, c: {}, d: {}, e: {} },
      pool: { failover: { retries: 4, timeout: "600ms" } },
    });
    const client = await clientOn(scene, "a");
    for (const name of ["a", "b", "c", "d", "e"]) await scene.origin(name).fail({ mode: "hang" });
    const start = Date.now();
    const answer = await client.get("/");
    expect([answer.status, codeOf(answer)]).toEqual([504, "origin_timeout"]);
    expect(answer.setCookies).toEqual([]);
    // Five times 600 ms would be 3,000: a budget "over all attempts" is less than their sum.
    expect(Date.now() - start).toBeLessThan(2_000);
  });
});
