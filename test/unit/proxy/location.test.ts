import { describe, it } from "vitest";

import { mapLocation } from "../../../src/proxy/headers.ts";
import { arrivalOf } from "../fixtures.ts";

const BASE = "https://app-1.example.com/base";

function mapped(location: string | null, originUrl = BASE): string | null {
  const headers = new Headers(location === null ? {} : { location });
  return mapLocation(headers, originUrl, arrivalOf("http://shop.example.com:8080/cart"));
}

describe("a redirect", () => {
  it.for([
    [`${BASE}/login?next=%2F#top`, "/login?next=%2F#top"],
    [`${BASE}/`, "/"],
    [BASE, "/"],
    [`${BASE}?q=1`, "/?q=1"],
    [`${BASE}#f`, "/#f"],
    ["HTTPS://APP-1.example.com/base/x", "/x"],
    [`${BASE}//evil.example/`, "//evil.example/"],
  ] as const)("to %s is the client's %s", ([location, target], { expect }) => {
    expect(mapped(location)).toBe(`http://shop.example.com:8080${target}`);
  });

  it.for([
    "https://app-1.example.com/basement",
    "https://app-1.example.com/",
    "https://app-1.example.com/BASE/x",
    "https://app-1.example.com.evil.example/base/",
    "http://app-1.example.com/base/",
    "https://other.example.com/base/x",
    "/base/x",
    "x",
    "",
  ])("to %j passes through", (location, { expect }) => {
    expect(mapped(location)).toBeNull();
  });

  it("needs no change without a Location or a base URL", ({ expect }) => {
    expect(mapped(null)).toBeNull();
    expect(mapped("https://anywhere.example/", "")).toBeNull();
  });

  it("to an origin without a base path is the client's own address", ({ expect }) => {
    const origin = "http://127.0.0.1:8001";
    expect(mapped(`${origin}/x`, origin)).toBe("http://shop.example.com:8080/x");
    expect(mapped(origin, origin)).toBe("http://shop.example.com:8080/");
    expect(mapped(`${origin}0/x`, origin)).toBeNull();
    expect(mapped(`${origin}@evil.example/x`, origin)).toBeNull();
  });
});
