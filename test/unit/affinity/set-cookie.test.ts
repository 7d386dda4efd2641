import { describe, it } from "vitest";

import { setCookie } from "../../../src/affinity/set-cookie.ts";
import { cookieName } from "../../../src/shared/cookie-name.ts";
import type { CookieSettings } from "../../../src/model.ts";
import { makePool } from "../fixtures.ts";

function settings(cookie: Readonly<Record<string, unknown>> = {}): CookieSettings {
  return makePool({ affinity: [{ by: "cookie", cookie }] }).rules[0]!.cookie;
}

function attributes(line: string): string[] {
  return line.split("; ").slice(1).sort();
}

describe("the name of our cookie", () => {
  it.for([
    ["https:", "default", {}, "__Host-affinity"],
    ["http:", "default", {}, "affinity"],
    ["https:", "shop", {}, "__Host-affinity-shop"],
    ["http:", "shop", {}, "affinity-shop"],
    ["https:", "default", { domain: "example.com" }, "__Secure-affinity"],
    ["https:", "default", { path: "/shop" }, "__Secure-affinity"],
    ["https:", "shop", { path: "/shop" }, "__Secure-affinity-shop"],
    ["http:", "default", { domain: "example.com" }, "affinity"],
    ["https:", "default", { secure: false }, "affinity"],
    ["https:", "default", { same_site: "None" }, "__Host-affinity"],
    ["https:", "default", { partitioned: true }, "__Host-affinity"],
    ["https:", "default", { name: "route" }, "route"],
    ["http:", "shop", { name: "route" }, "route"],
  ] as const)("over %s in pool %s with %j is %s", ([scheme, pool, cookie, name], { expect }) => {
    expect(cookieName(settings(cookie), "affinity", pool, scheme)).toBe(name);
  });
});

describe("the Set-Cookie line", () => {
  it.for([
    ["https:", {}, ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]],
    ["http:", {}, ["HttpOnly", "Path=/", "SameSite=Lax"]],
    ["http:", { same_site: "Strict" }, ["HttpOnly", "Path=/", "SameSite=Strict"]],
    ["http:", { same_site: "None" }, ["HttpOnly", "Path=/", "SameSite=None", "Secure"]],
    ["http:", { secure: true }, ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]],
    ["https:", { secure: false }, ["HttpOnly", "Path=/", "SameSite=Lax"]],
    [
      "http:",
      { partitioned: true },
      ["HttpOnly", "Partitioned", "Path=/", "SameSite=None", "Secure"],
    ],
    [
      "https:",
      { path: "/shop", domain: "example.com" },
      ["Domain=example.com", "HttpOnly", "Path=/shop", "SameSite=Lax", "Secure"],
    ],
  ] as const)("over %s with %j has %j", ([scheme, cookie, expected], { expect }) => {
    const line = setCookie("affinity", "abc", settings(cookie), scheme, null);
    expect(line.startsWith("affinity=abc; ")).toBe(true);
    expect(attributes(line)).toEqual(expected);
  });

  it("has a Max-Age only when it is told one, 0 to end it", ({ expect }) => {
    const line = (maxAge: number | null) => setCookie("a", "b", settings(), "https:", maxAge);
    expect(line(null)).not.toMatch(/max-age|expires/i);
    expect(attributes(line(82_800))).toContain("Max-Age=82800");
    expect(attributes(line(0))).toContain("Max-Age=0");
  });

  it("keeps what its prefix promises, so that browsers take it", ({ expect }) => {
    for (const cookie of [
      {},
      { path: "/shop" },
      { domain: "example.com" },
      { same_site: "None" },
    ]) {
      const given = settings(cookie);
      const name = cookieName(given, "affinity", "shop", "https:");
      const found = attributes(setCookie(name, "x", given, "https:", null));
      if (/^__(Host|Secure)-/.test(name)) {
        expect(found).toContain("Secure");
        expect(name.startsWith("__Host-")).toBe(
          found.includes("Path=/") && !found.some((one) => one.startsWith("Domain=")),
        );
      }
    }
  });
});
