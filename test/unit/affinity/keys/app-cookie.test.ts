import { describe, it } from "vitest";

import { appCookieKey } from "../../../../src/affinity/keys/app-cookie.ts";
import { arrivalOf } from "../../fixtures.ts";

const ORIGIN = "https://shop.example.com";

describe("an app's cookie", () => {
  const key = (cookie: string) => appCookieKey("JSESSIONID")(arrivalOf(ORIGIN, { cookie }), null);

  it.for([
    ["JSESSIONID=abc.node1", "abc.node1"],
    ["x=1; JSESSIONID=abc; y=2", "abc"],
    ["JSESSIONID=first; JSESSIONID=second", "first"],
    ['JSESSIONID="quoted"', '"quoted"'],
    ["JSESSIONID=", ""],
    ["jsessionid=abc", null],
    ["XJSESSIONID=abc", null],
    ["x=1", null],
  ] as const)("in %j is %j", ([cookie, value], { expect }) => {
    expect(key(cookie)).toBe(value);
  });

  it("is absent without a Cookie header", ({ expect }) => {
    expect(appCookieKey("JSESSIONID")(arrivalOf(ORIGIN), null)).toBeNull();
  });
});
