import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, test } from "vitest";
import { startOrigin } from "../kit/origins.ts";
import { headerOf, headersOf, openRaw, type RawAnswer } from "../kit/raw-http.ts";
import { startRouter } from "../kit/workerd.ts";
import { rawRequest, secret, startScene, type Scene } from "./scene.ts";

interface Problem {
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly request_id: string;
}

/** The log and the origin's view come a moment after the answer. */
async function until(condition: () => boolean, limitMs = 2000): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error("it never came to be");
    await sleep(5);
  }
}

let scene: Scene;

beforeAll(async () => {
  scene = await startScene({
    names: ["app-1"],
    pool: {
      failover: { timeout: "400ms", retries: 0 },
      health: { passive: { failures: 1000 } },
    },
  });
});

afterEach(() => scene.origins[0]?.heal());
afterAll(() => scene.stop());

const problem = (answer: RawAnswer) => JSON.parse(String(answer.body)) as Problem;
const browser = ["Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"];

/** What an attacker would like to read in an error. */
const details = () =>
  new RegExp(
    `app-1|127\\.0\\.0\\.1|${scene.origins[0]?.port}|limpet|workerd|at \\w+|\\.[jt]s\\b|fetch|Error:`,
    "i",
  );

describe("an origin that fails", () => {
  test.for([
    [{ mode: "refuse" }, 502, "origin_unreachable"],
    [{ mode: "reset" }, 502, "origin_unreachable"],
    [{ mode: "hang" }, 504, "origin_timeout"],
    [{ mode: "slow-headers", ms: 5000 }, 504, "origin_timeout"],
  ] as const)("by %o gives %i %s", async ([fault, status, code], { expect }) => {
    await scene.origins[0]?.fail(fault);
    const began = Date.now();
    const answer = await rawRequest(scene.url, "GET /");
    expect(Date.now() - began).toBeLessThan(3000);
    expect(answer.status).toBe(status);
    expect(headerOf(answer, "content-type")).toBe("application/problem+json");
    expect(problem(answer)).toMatchObject({ status, code, title: expect.any(String) });
    expect(headersOf(answer, "cache-control").join()).toMatch(/no-store/);
    expect(JSON.stringify([answer.headers, String(answer.body)])).not.toMatch(details());
  });

  test("answers a POST the same way, once", async ({ expect }) => {
    await scene.origins[0]?.fail({ mode: "hang" });
    const before = scene.origins[0]?.requests.length ?? 0;
    const answer = await rawRequest(scene.url, "POST /", ["Content-Length: 2"], "ab");
    expect([answer.status, problem(answer).code]).toEqual([504, "origin_timeout"]);
    expect(scene.origins[0]?.requests.length).toBe(before + 1);
  });

  test("shows a browser a page, and a script a problem", async ({ expect }) => {
    await scene.origins[0]?.fail({ mode: "refuse" });
    const page = await rawRequest(scene.url, "GET /", browser);
    expect(page.status).toBe(502);
    expect(headerOf(page, "content-type")).toMatch(/^text\/html; *charset=utf-8$/i);
    expect(String(page.body)).toMatch(/<!doctype html>/i);
    expect(String(page.body)).toContain("origin_unreachable");
    expect(String(page.body)).not.toMatch(/app-1|127\.0\.0\.1|limpet|<script/i);
    for (const accept of ["application/json", "*/*", "application/problem+json, text/html;q=0.5"]) {
      const answer = await rawRequest(scene.url, "GET /", [`Accept: ${accept}`]);
      expect([accept, headerOf(answer, "content-type")]).toEqual([
        accept,
        "application/problem+json",
      ]);
    }
  });

  test("has no body to a HEAD", async ({ expect }) => {
    await scene.origins[0]?.fail({ mode: "refuse" });
    const answer = await rawRequest(scene.url, "HEAD /");
    expect([answer.status, answer.body.length]).toEqual([502, 0]);
  });

  test("names the request, the same in the log", async ({ expect }) => {
    await scene.origins[0]?.fail({ mode: "refuse" });
    const { request_id } = problem(await rawRequest(scene.url, "GET /"));
    expect(request_id).toMatch(/^[\w-]{8,}$/);
    await until(() => scene.router.log.includes(request_id));
  });

  test("with the app's own 502, 503 and 504 passes them as they are", async ({ expect }) => {
    for (const status of [502, 503, 504]) {
      const answer = await rawRequest(scene.url, `GET /status/${status}`);
      expect([answer.status, String(answer.body)]).toEqual([status, "app-1"]);
    }
  });

  test("serves again as soon as it is back", async ({ expect }) => {
    await scene.origins[0]?.fail({ mode: "refuse" });
    expect((await rawRequest(scene.url, "GET /")).status).toBe(502);
    await scene.origins[0]?.heal();
    expect((await rawRequest(scene.url, "GET /")).status).toBe(200);
  });

  test("after its headers is not timed: a slow body is no timeout", async ({ expect }) => {
    const answer = await rawRequest(scene.url, "GET /sse?n=4&ms=300");
    expect([answer.status, answer.complete]).toEqual([200, true]);
    expect(String(answer.body)).toContain("data: 3");
  });

  test.for(["/echo", "/"])(
    "%s is not timed for the slowness of the client's upload",
    async (path, { expect }) => {
      const connection = await openRaw(scene.url);
      try {
        connection.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n`);
        for (const byte of "slow") {
          await sleep(150);
          connection.write(byte);
        }
        const answer = await connection.read({ method: "POST" });
        expect([answer.status, String(answer.body).includes("slow")]).toEqual([200, true]);
      } finally {
        connection.destroy();
      }
    },
  );

  test("by silence is left alone: its request is given up", async ({ expect }) => {
    await scene.origins[0]?.fail({ mode: "hang" });
    expect((await rawRequest(scene.url, "GET /given-up")).status).toBe(504);
    const request = scene.origins[0]?.requests.at(-1);
    expect(request?.url).toBe("/given-up");
    await until(() => request?.abortedAt !== undefined);
  });
});

describe("no origin at all", () => {
  test("a host and path of no pool is 404 no_pool", async ({ expect }) => {
    const origin = await startOrigin({ name: "app-1" });
    const router = await startRouter({
      vars: {
        POOLS: [{ name: "shop", match: ["shop.example/*"], origins: [{ url: origin.url }] }],
      },
      secrets: { AFFINITY_SECRET: secret },
    });
    try {
      const answer = await rawRequest(router.url, "GET /x");
      expect([answer.status, problem(answer).code]).toEqual([404, "no_pool"]);
      expect(headersOf(answer, "set-cookie")).toEqual([]);
      expect(JSON.stringify(answer.headers) + String(answer.body)).not.toMatch(/shop/);
    } finally {
      await router.stop();
      await origin.stop();
    }
  });

  test("the router as its own origin ends with 508", async ({ expect }) => {
    const router = await startRouter({
      vars: { ORIGINS: ["http://127.0.0.1:1"] },
      secrets: { AFFINITY_SECRET: secret },
    });
    try {
      await router.restart({ vars: { ORIGINS: [router.url] } });
      const answer = await rawRequest(router.url, "GET /");
      expect([answer.status, problem(answer).code]).toEqual([508, "loop"]);
      // Through another Limpet in between.
      const middle = await startRouter({
        vars: { ORIGINS: [router.url] },
        secrets: { AFFINITY_SECRET: secret },
      });
      await router.restart({ vars: { ORIGINS: [middle.url] } });
      const longer = await rawRequest(router.url, "GET /");
      await middle.stop();
      expect(longer.status).toBe(508);
    } finally {
      await router.stop();
    }
  });

  test("two routers in a row that are no loop work", async ({ expect }) => {
    const front = await startRouter({
      vars: { ORIGINS: [scene.url] },
      secrets: { AFFINITY_SECRET: "the-secret-of-the-router-in-front-0123" },
    });
    try {
      const answer = await rawRequest(front.url, "GET /");
      expect(answer.status).toBe(200);
    } finally {
      await front.stop();
    }
  });
});
