import { describe, it } from "vitest";

import { isPassing, refusalOf } from "../../../src/proxy/passing.ts";
import { arrivalOf } from "../fixtures.ts";

const URL = "https://shop.example.com/";

describe("a passing request", () => {
  it.for([
    ["OPTIONS", { "access-control-request-method": "POST", origin: "https://a.example" }],
    ["GET", { "sec-purpose": "prefetch" }],
    ["GET", { "sec-purpose": "prefetch;prerender" }],
    ["GET", { "sec-purpose": "Prefetch; anonymous-client-ip" }],
    ["GET", { purpose: "prefetch" }],
    ["GET", { "x-moz": "prefetch" }],
  ] as const)("is %s with %j", ([method, headers], { expect }) => {
    expect(isPassing(arrivalOf(URL, headers, method))).toBe(true);
  });

  it.for([
    ["GET", {}],
    ["POST", {}],
    ["OPTIONS", {}],
    ["OPTIONS", { origin: "https://a.example" }],
    ["GET", { "access-control-request-method": "POST" }],
    ["GET", { "sec-purpose": "" }],
    ["GET", { purpose: "no-prefetching" }],
    ["GET", { "sec-fetch-mode": "navigate" }],
  ] as const)("is not %s with %j", ([method, headers], { expect }) => {
    expect(isPassing(arrivalOf(URL, headers, method))).toBe(false);
  });
});

describe("what is refused before anything is looked up", () => {
  it.for(["TRACE", "CONNECT"])("is %s, which is told what is allowed", (method, { expect }) => {
    const arrival = { ...arrivalOf(URL), method };
    expect(refusalOf(arrival, 0)).toMatchObject({
      code: "method_not_allowed",
      allow: expect.stringContaining("GET"),
    });
  });

  it("is a request that came back to us, and a flawed handshake", ({ expect }) => {
    expect(refusalOf(arrivalOf(URL), 3)).toEqual({ code: "loop" });
    expect(refusalOf(arrivalOf(URL, { upgrade: "websocket" }), 0)).toEqual({
      code: "bad_request",
      status: 400,
    });
  });

  it("is nothing else, methods of one's own included", ({ expect }) => {
    for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]) {
      expect(refusalOf({ ...arrivalOf(URL), method }, 2)).toBeNull();
    }
  });
});
