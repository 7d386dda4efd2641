import * as fc from "fast-check";
import { describe, it } from "vitest";

import { arrive, type Arrival } from "../../../src/shared/arrival.ts";
import type { Origin } from "../../../src/model.ts";
import { forward } from "../../../src/proxy/forward.ts";
import {
  hopsOf,
  mapLocation,
  requestHeaders,
  responseHopByHop,
} from "../../../src/proxy/headers.ts";
import { refusalOf } from "../../../src/proxy/passing.ts";
import { payloadOf } from "../../../src/proxy/payload.ts";
import { makeSlowWatch } from "../../../src/proxy/slow-watch.ts";
import { respond } from "../../../src/proxy/respond.ts";
import { makePool } from "../fixtures.ts";
import { fieldText, runs, textOf } from "./runs.ts";

const BASE = "https://app-1.example.com/base";
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f]/;

/** Whatever a runtime might make of a Host and a request target, and then some. */
const host = fc.oneof(
  textOf(
    "shop.example.com",
    "evil.example",
    ":80",
    "@",
    "\\",
    "[::1]",
    "/",
    "?",
    "#",
    " ",
    "\r\n",
    ";",
    ",",
    '"',
    "%0d%0a",
  ),
  fc.constantFrom(
    "shop.example.com",
    "shop.example.com:8443",
    "[2001:db8::1]:443",
    "xn--a.example",
  ),
);
const target = textOf(
  "/",
  "//evil.example",
  "/..",
  "/%2e%2e",
  "/.",
  "\\",
  "@evil.example",
  "http://evil.example/",
  "?",
  "#",
  ";",
  ":",
  "%",
  "%00",
  "\t",
  "\r\n",
  " ",
  "é",
  "..;",
);

function arrivalAt(url: string, headers: HeadersInit = {}): Arrival {
  const given = { url, method: "GET", headers: new Headers(headers), body: null };
  return arrive(given as unknown as Request, 0);
}

/** Where a request would have gone to. */
async function sentTo(arrival: Arrival): Promise<URL> {
  const asked: string[] = [];
  const fetcher = {
    fetch: (url: string) => (asked.push(url), Promise.resolve(new Response())),
  } as unknown as Fetcher;
  const origin: Origin = { ...makePool().origins[0]!, url: BASE, fetcher };
  const payload = await payloadOf(arrival, true);
  const waiting = { slow: makeSlowWatch(), background: () => undefined };
  await forward(arrival, origin, new Headers(), payload!, 1_000, waiting);
  return new URL(asked[0]!);
}

describe("whatever host and target a client names", () => {
  it("only the configured origin is asked, below its base path, or nobody", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(host, target, async (name, rest) => {
        const arrival = arrivalAt(`https://${name}${rest}`);
        if (refusalOf(arrival, 0) !== null) return;
        const url = await sentTo(arrival);
        expect(url.origin).toBe("https://app-1.example.com");
        expect(url.username + url.password).toBe("");
        expect(url.pathname).toMatch(/^\/base\//);
        // What rules have matched is what the origin gets.
        expect(url.pathname).toBe(`/base${arrival.path}`);
      }),
      runs(1_000),
    );
  });

  it("the headers that speak of it are one line each and can be read back", ({ expect }) => {
    fc.assert(
      fc.property(host, fc.option(fc.oneof(fc.ipV4(), fc.ipV6())), (name, ip) => {
        const arrival = arrivalAt(`https://${name}/`);
        if (refusalOf(arrival, 0) !== null) return;
        const headers = requestHeaders(arrival, ip, null, 0, true);
        for (const [, value] of headers) expect(value).not.toMatch(CONTROL);
        // RFC 7239 §4: pairs of a token and a token or quoted string.
        expect(headers.get("forwarded")).toMatch(
          /^by=_limpet1;for=([\w.]+|"\[[\da-f:.]+\]");host=([\w.-]+|"[\w.:[\]-]+");proto=https$/,
        );
        expect(headers.get("x-forwarded-host")).toBe(arrival.host);
        expect(hopsOf(headers)).toBe(1);
      }),
      runs(1_000),
    );
  });

  it("a redirect is mapped to the client's own host or not at all", ({ expect }) => {
    const location = textOf(
      BASE,
      "https://app-1.example.com",
      "/base",
      "//evil.example",
      "@",
      "/",
      "?",
      "#",
      "..",
      "\\",
    );
    fc.assert(
      fc.property(
        location.map((text) => text.replaceAll(/[^!-~]/g, "")),
        (given) => {
          const headers = new Headers({ location: given });
          const mapped = mapLocation(headers, BASE, arrivalAt("https://shop.example.com/x"));
          if (mapped === null) return;
          expect(given.startsWith(BASE), given).toBe(true);
          expect(new URL(mapped).origin).toBe("https://shop.example.com");
        },
      ),
      runs(1_000),
    );
  });
});

describe("whatever a header holds", () => {
  const names = ["connection", "cookie", "forwarded", "x-forwarded-for", "te", "upgrade", "x-a"];
  const line = fc.tuple(
    fc.constantFrom(...names),
    fieldText("close", "x-a", "keep-alive", ",", ";", "=", '"', "by=_limpet", "1.2.3.4"),
  );

  it("nothing throws, and no header of ours can be taken away or forged", ({ expect }) => {
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const arrival = arrivalAt("https://shop.example.com/", lines);
        const hops = hopsOf(arrival.headers);
        const headers = requestHeaders(arrival, "203.0.113.7", null, hops, true);
        expect(headers.get("x-forwarded-for")).toBe("203.0.113.7");
        expect(headers.get("forwarded")).toBe(
          `by=_limpet${hops + 1};for=203.0.113.7;host=shop.example.com;proto=https`,
        );
        for (const name of ["connection", "te", "cookie"]) expect(headers.has(name)).toBe(false);
      }),
      runs(1_000),
    );
  });

  it("an answer's headers can be taken off by name", ({ expect }) => {
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const headers = new Headers(lines);
        for (const name of responseHopByHop(headers)) headers.delete(name);
        const named = (headers.get("connection") ?? "").split(",").map((one) => one.trim());
        if (named.includes("x-a")) expect(headers.has("x-a")).toBe(false);
      }),
      runs(1_000),
    );
  });

  it("an answer keeps its own Set-Cookie lines before ours", ({ expect }) => {
    const origin = makePool().origins[0]!;
    const cookies = fc.array(fieldText("a=1", ";", "=", ",", "Expires=", "SID", " "));
    fc.assert(
      fc.property(cookies, (lines) => {
        const response = new Response("body");
        for (const one of lines) response.headers.append("Set-Cookie", one);
        const answer = respond(response, arrivalAt("https://a.example/"), origin, {
          setCookies: ["affinity=x"],
          instead: [],
        });
        expect(answer.headers.getSetCookie()).toEqual([...lines, "affinity=x"]);
      }),
      runs(300),
    );
  });
});
