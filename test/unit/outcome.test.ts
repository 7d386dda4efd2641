import { describe, it } from "vitest";

import { failureResponse, type Failure } from "../../src/outcome.ts";

const ID = "8f3a1b2c3d4e5f60-ZRH";
const CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";

const FAILURES: readonly (readonly [Failure, number])[] = [
  [{ code: "no_pool" }, 404],
  [{ code: "misconfigured" }, 500],
  [{ code: "loop" }, 508],
  [{ code: "origin_unreachable" }, 502],
  [{ code: "origin_timeout" }, 504],
  [{ code: "no_origin", retryAfterSeconds: 7 }, 503],
  [{ code: "session_lost", status: 503 }, 503],
  [{ code: "session_lost", status: 404 }, 404],
  [{ code: "bad_request", status: 400 }, 400],
  [{ code: "bad_request", status: 426 }, 426],
  [{ code: "method_not_allowed", allow: "GET, HEAD" }, 405],
  [{ code: "unauthorized" }, 401],
  [{ code: "forbidden" }, 403],
  [{ code: "not_found" }, 404],
  [{ code: "invalid_input", detail: "limit: 0; a whole number from 1 to 1000" }, 400],
  [{ code: "conflict", detail: "the session has been moved" }, 409],
  [{ code: "too_many_requests", retryAfterSeconds: 60 }, 429],
  [{ code: "internal_error" }, 500],
  [{ code: "storage_unavailable" }, 503],
];

describe("a failure", () => {
  it.for(FAILURES)(
    "%j is answered %i, as problem details",
    async ([failure, status], { expect }) => {
      const response = failureResponse(failure, ID, "application/json");
      expect(response.status).toBe(status);
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      const body = await response.json<Record<string, unknown>>();
      expect(body).toMatchObject({
        type: "about:blank",
        title: expect.stringMatching(/^[A-Z]/),
        status,
        code: failure.code,
        request_id: ID,
      });
      const known = new Set(["type", "title", "status", "code", "request_id"]);
      expect(Object.keys(body).filter((key) => !known.has(key))).toEqual(
        "detail" in failure ? ["detail"] : [],
      );
    },
  );

  it.for(FAILURES)(
    "%j is a page for a browser, with the same words",
    async ([failure, status], { expect }) => {
      const response = failureResponse(failure, ID, CHROME);
      expect(response.status).toBe(status);
      expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
      const text = await response.text();
      expect(text).toContain(failure.code);
      expect(text).toContain(ID);
      expect(text).not.toMatch(/<script|src=|href=/);
      expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
    },
  );

  it.for(FAILURES)(
    "%j tells nothing of us, and is stored nowhere",
    async ([failure], { expect }) => {
      for (const accept of [null, CHROME]) {
        const response = failureResponse(failure, ID, accept);
        expect(response.headers.get("cache-control")).toBe("no-store");
        expect(response.headers.get("x-content-type-options")).toBe("nosniff");
        const words = `${JSON.stringify([...response.headers])} ${await response.text()}`;
        expect(words.replace(/realm=\\"limpet\\"/, "")).not.toMatch(
          /limpet|cloudflare|workerd|example\.com|\bat .*\.ts|\d+\.\d+\.\d+/i,
        );
      }
    },
  );

  it.for([
    [null, "json"],
    ["*/*", "json"],
    ["application/json", "json"],
    ["application/json, text/html;q=0.9", "json"],
    ["application/problem+json, text/html", "json"],
    ["text/html", "html"],
    ["text/html;q=0.9, application/json;q=0.1", "html"],
    [CHROME, "html"],
    ["text/plain", "json"],
    ["text/event-stream", "json"],
  ] as const)("for Accept: %s is %s", ([accept, kind], { expect }) => {
    const response = failureResponse({ code: "no_pool" }, ID, accept);
    expect(response.headers.get("content-type")).toContain(kind);
  });

  it("carries the headers that belong to its status", ({ expect }) => {
    const header = (failure: Failure, name: string) =>
      failureResponse(failure, ID, null).headers.get(name);
    expect(header({ code: "no_origin", retryAfterSeconds: 7 }, "retry-after")).toBe("7");
    expect(header({ code: "session_lost", status: 503 }, "retry-after")).toMatch(/^\d+$/);
    expect(header({ code: "session_lost", status: 404 }, "retry-after")).toBeNull();
    expect(header({ code: "method_not_allowed", allow: "GET" }, "allow")).toBe("GET");
    expect(header({ code: "bad_request", status: 426 }, "sec-websocket-version")).toBe("13");
    expect(header({ code: "unauthorized" }, "www-authenticate")).toMatch(/^Bearer/);
    expect(header({ code: "too_many_requests", retryAfterSeconds: 60 }, "retry-after")).toBe("60");
  });

  it("lets no request id become markup", async ({ expect }) => {
    const response = failureResponse({ code: "no_pool" }, "<script>alert(1)</script>", CHROME);
    expect(await response.text()).not.toContain("<script");
  });
});
