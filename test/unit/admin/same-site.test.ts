import { describe, it } from "vitest";

import { isSameSite } from "../../../src/admin/same-site.ts";

const URL = "https://shop.example.com/__limpet/login";

const cases: readonly (readonly [origin: string | null, site: string | null, ok: boolean])[] = [
  ["https://shop.example.com", "same-origin", true],
  ["https://shop.example.com", null, true],
  [null, "same-origin", true],
  [null, "none", true],
  [null, null, false],
  ["https://shop.example.com", "cross-site", false],
  ["https://evil.example", null, false],
  ["https://evil.example", "same-origin", false],
  ["https://other.example.com", "same-site", false],
  ["http://shop.example.com", null, false],
  ["https://shop.example.com:8443", null, false],
  ["https://shop.example.com.evil.example", null, false],
  ["null", null, false],
  ["null", "same-origin", false],
  [null, "same-site", false],
  ["", "", false],
];

describe("a write that a browser's cookie stands for", () => {
  it.for(cases)("with Origin %s and Sec-Fetch-Site %s: %s", ([origin, site, ok], { expect }) => {
    const headers = new Headers();
    if (origin !== null) headers.set("origin", origin);
    if (site !== null) headers.set("sec-fetch-site", site);
    expect(isSameSite(new Request(URL, { method: "POST", headers }))).toBe(ok);
  });
});
