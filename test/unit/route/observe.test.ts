import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, it, vi } from "vitest";

import { limpet } from "../../../src/app.ts";
import type { DataPoint } from "../../../src/model.ts";

const SITE = "https://site.example.com";
let lines: Record<string, unknown>[] = [];

beforeEach(() => {
  lines = [];
  vi.spyOn(console, "log").mockImplementation((line: string) => {
    lines.push(JSON.parse(line) as Record<string, unknown>);
  });
  vi.spyOn(console, "warn").mockImplementation(() => {});
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** A namespace that writes down what its objects are asked. */
function watched(namespace: DurableObjectNamespace, calls: string[]) {
  return {
    getByName: (name: string) => {
      const stub = namespace.getByName(name) as unknown as Record<
        string,
        (...given: unknown[]) => Promise<unknown>
      >;
      return new Proxy(stub, {
        get:
          (_, method: string) =>
          (...given: unknown[]) => {
            calls.push(method);
            return stub[method]!(...given);
          },
      });
    },
  };
}

function start(pool: string, bindings: Readonly<Record<string, unknown>> = {}) {
  const calls: string[] = [];
  const points: DataPoint[] = [];
  const origins = ["app-1", "app-2"].map((name) => ({ name, url: `https://${name}.example.com` }));
  const all = {
    AFFINITY_SECRET: "unit-test-secret-0123456789abcdef0123",
    ADMIN_TOKEN: "unit-test-admin-token",
    POOLS: [{ name: pool, match: ["site.example.com/*"], origins }],
    LOG: "all",
    SESSION_MAP: watched(env.SESSION_MAP as unknown as DurableObjectNamespace, calls),
    POOL_STATE: watched(env.POOL_STATE as unknown as DurableObjectNamespace, calls),
    METRICS: { writeDataPoint: (point: DataPoint) => points.push(point) },
    ...bindings,
  };
  const router = limpet();
  async function get(url: string, headers: Record<string, string> = {}, method = "GET") {
    const ctx = createExecutionContext();
    const answer = await router.fetch(new Request(url, { headers, method }), all, ctx);
    await answer.text();
    await waitOnExecutionContext(ctx);
    return answer;
  }
  return { calls, points, get };
}

function answering(status = 200): void {
  vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response("ok", { status }));
}

describe("a pinned request", { timeout: 30_000 }, () => {
  it("asks no object anything, and is counted all the same", async ({ expect }) => {
    answering();
    // The view stays fresh, however long this takes.
    vi.useFakeTimers({ toFake: ["Date"] });
    const { get, calls } = start("observe-1");
    const first = await get(`${SITE}/`);
    const cookie = first.headers.get("set-cookie")?.split(";", 1)[0] ?? "";
    calls.length = 0;
    for (let request = 0; request < 5; request += 1) await get(`${SITE}/`, { cookie });
    expect(calls).toEqual([]);
    const authorization = "Bearer unit-test-admin-token";
    await get(`${SITE}/__limpet/metrics`, { authorization });
    expect(calls.filter((call) => call === "count")).toHaveLength(1);
  });
});

describe("a data point", () => {
  it("is written for every request, of names and numbers only", async ({ expect }) => {
    answering();
    const { get, points } = start("observe-2");
    const first = await get(`${SITE}/secret-path?sid=secret`);
    const cookie = first.headers.get("set-cookie")?.split(";", 1)[0] ?? "";
    await get(`${SITE}/`, { cookie });
    await get("https://other.example.com/");
    const origin = points[0]?.blobs[1] ?? "";
    expect(["app-1", "app-2"]).toContain(origin);
    const any = expect.any(Number) as number;
    expect(points).toEqual([
      { indexes: ["observe-2"], blobs: ["new", origin, "cookie", "", "2xx"], doubles: [any, 1] },
      { indexes: ["observe-2"], blobs: ["hit", origin, "cookie", "", "2xx"], doubles: [any, 1] },
      { indexes: [""], blobs: ["none", "", "", "no_pool", "4xx"], doubles: [0, 0] },
    ]);
  });

  it("has the code of a failure and the attempts it took", async ({ expect }) => {
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => {
      throw new Error("connection lost");
    });
    const { get, points } = start("observe-3");
    await get(`${SITE}/`);
    expect(points[0]?.blobs.slice(2)).toEqual(["cookie", "origin_unreachable", "5xx"]);
    expect(points[0]?.doubles[1]).toBe(2);
  });

  it("is not missed where there is no dataset, and refused where it is none", async ({
    expect,
  }) => {
    answering();
    expect((await start("observe-4", { METRICS: undefined }).get(`${SITE}/`)).status).toBe(200);
    vi.spyOn(console, "error").mockImplementation(() => {});
    expect((await start("observe-5", { METRICS: "dataset" }).get(`${SITE}/`)).status).toBe(500);
  });
});

describe("a line in the log", () => {
  it("is left by a request that was refused before any origin was asked", async ({ expect }) => {
    answering();
    const { get } = start("observe-6", { LOG: "changes" });
    const answer = await get("https://other.example.com/");
    await get(`${SITE}/`, { upgrade: "websocket" });
    expect(lines).toEqual([
      {
        message: "request",
        request_id: expect.any(String) as string,
        pool: null,
        rule: null,
        outcome: "none",
        origin: null,
        failure: "no_pool",
        attempts: 0,
        status: 404,
        ms: 0,
      },
      expect.objectContaining({ pool: "observe-6", failure: "bad_request", status: 400 }),
    ]);
    expect(answer.status).toBe(404);
  });

  it("has the attempts and the code of a request that failed", async ({ expect }) => {
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => {
      throw new Error("connection lost");
    });
    const { get } = start("observe-7", { LOG: "changes" });
    await get(`${SITE}/`);
    expect(lines[0]).toMatchObject({ failure: "origin_unreachable", attempts: 2, status: 502 });
  });

  it("is not left where LOG says none", async ({ expect }) => {
    const { get } = start("observe-8", { LOG: "none" });
    await get("https://other.example.com/");
    expect(lines).toEqual([]);
  });
});
