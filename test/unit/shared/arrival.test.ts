import * as fc from "fast-check";
import { describe, it } from "vitest";

import { arrive, requestIdOf } from "../../../src/shared/arrival.ts";

/** A request as the runtime hands it over: its `url` holds the target as the client sent it. */
function arriveAt(url: string, headers: HeadersInit = {}) {
  const request = { url, method: "GET", headers: new Headers(headers) };
  return arrive(request as unknown as Request, 42);
}

describe("an arrival", () => {
  it.for([
    ["https://a.example/", "https:", "a.example", "/", ""],
    ["https://a.example", "https:", "a.example", "/", ""],
    ["http://a.example:8080/x/y?z=1", "http:", "a.example:8080", "/x/y", "?z=1"],
    ["https://a.example?x=1", "https:", "a.example", "/", "?x=1"],
    ["https://a.example/?", "https:", "a.example", "/", "?"],
    ["https://[2001:db8::1]:8443/x", "https:", "[2001:db8::1]:8443", "/x", ""],
    ["https://a.example//double//slash", "https:", "a.example", "//double//slash", ""],
    [
      "https://a.example/%2F%20/%c3%A9/x.y/~..",
      "https:",
      "a.example",
      "/%2F%20/%c3%A9/x.y/~..",
      "",
    ],
    ["https://a.example/x/../admin", "https:", "a.example", "/admin", ""],
    ["https://a.example/x/%2E%2e/admin?a=/../b", "https:", "a.example", "/admin", "?a=/../b"],
    ["https://a.example/./x/.", "https:", "a.example", "/x/", ""],
    ["https://a.example/.hidden/..x", "https:", "a.example", "/.hidden/..x", ""],
    ["https://a.example/x\\..\\admin", "https:", "a.example", "/admin", ""],
    ["https://a.example/é x", "https:", "a.example", "/%C3%A9%20x", ""],
    [
      "https://a.example/{x}^\"<y>`?q={'z'}",
      "https:",
      "a.example",
      "/%7Bx%7D%5E%22%3Cy%3E%60",
      "?q={%27z%27}",
    ],
    ["https://a.example/x;jsessionid=1/y", "https:", "a.example", "/x;jsessionid=1/y", ""],
    ["https://a.example/x?a=b?c=/d//e", "https:", "a.example", "/x", "?a=b?c=/d//e"],
    [
      "https://a.example/x?u=http://b.example/",
      "https:",
      "a.example",
      "/x",
      "?u=http://b.example/",
    ],
    ["https://a.example/x#/../admin", "https:", "a.example", "/x", ""],
    ["https://a.example/x#f?q=1", "https:", "a.example", "/x", ""],
    ["https://a.example/x?q=1#f", "https:", "a.example", "/x", "?q=1"],
    ["https://a.example#/x?y", "https:", "a.example", "/", ""],
    ["https://a.example?x#/y", "https:", "a.example", "/", "?x"],
  ] as const)("at %s", ([url, scheme, host, path, query], { expect }) => {
    expect(arriveAt(url)).toMatchObject({ scheme, host, path, query, now: 42 });
  });

  it("keeps path and query byte for byte, and drops only the fragment", ({ expect }) => {
    // Anything but what `fetch` would change: dot segments, backslashes, quotes and the like.
    const segment = fc.stringMatching(/^[!$&-,0-;=@-Z_a-z~-]{0,12}$/);
    const path = fc.array(segment, { maxLength: 5 }).map((parts) => `/${parts.join("/")}`);
    const query = fc.option(fc.stringMatching(/^[!$-&(-,0-;=?-[\]_a-z|~]{0,20}$/), { nil: null });
    fc.assert(
      fc.property(path, query, query, (p, q, f) => {
        const target = p + (q === null ? "" : `?${q}`);
        const arrival = arriveAt(`https://a.example${target}${f === null ? "" : `#${f}`}`);
        expect(arrival.path + arrival.query).toBe(target);
        expect(arrival.path).toBe(p);
        expect(arrival.host).toBe("a.example");
      }),
      { numRuns: 500 },
    );
  });

  it("is read from a real request too", ({ expect }) => {
    const request = new Request("https://a.example/x?y", {
      method: "POST",
      headers: { cookie: "a=1" },
      body: "text",
    });
    expect(arrive(request, 7)).toMatchObject({
      request,
      method: "POST",
      path: "/x",
      query: "?y",
      cookies: "a=1",
      isWebSocket: false,
      now: 7,
    });
  });

  it("knows a WebSocket handshake whatever its case", ({ expect }) => {
    expect(arriveAt("https://a.example/", { upgrade: "WebSocket" }).isWebSocket).toBe(true);
    expect(arriveAt("https://a.example/", { upgrade: "h2c" }).isWebSocket).toBe(false);
    expect(arriveAt("https://a.example/").cookies).toBeNull();
  });
});

describe("a request id", () => {
  it("is the edge's, or a new one for each request", ({ expect }) => {
    expect(requestIdOf(new Headers({ "cf-ray": "8f3a1b2c3d4e5f60-ZRH" }))).toBe(
      "8f3a1b2c3d4e5f60-ZRH",
    );
    for (const odd of ["", "a b", "a\t1", "x".repeat(65), "a;b", "<b>", "8f3a,8f3b"]) {
      expect(requestIdOf(new Headers({ "cf-ray": odd })), odd).toMatch(/^[\da-f-]{36}$/);
    }
    const headers = new Headers();
    expect(requestIdOf(headers)).toBe(requestIdOf(headers));
    const ids = new Set(Array.from({ length: 100 }, () => requestIdOf(new Headers())));
    expect(ids.size).toBe(100);
  });
});
