import * as fc from "fast-check";
import { describe, it } from "vitest";

import {
  hopsOf,
  isLoop,
  privateCacheControl,
  requestHeaders,
  responseHopByHop,
} from "../../../src/proxy/headers.ts";
import { arrivalOf } from "../fixtures.ts";

const URL = "https://shop.example.com:8443/cart";

function forwardedWith(headers: HeadersInit, ip: string | null = "203.0.113.7"): Headers {
  const arrival = arrivalOf(URL, headers);
  return requestHeaders(arrival, ip, arrival.cookies, hopsOf(arrival.headers), true);
}

describe("the headers for the origin", () => {
  it.for([
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "affinity-event",
    "affinity-status",
    "proxy",
    "affinity_event",
    ...["for", "host", "proto"].flatMap((last) => [
      `x_forwarded_${last}`,
      `x-forwarded_${last}`,
      `x_forwarded-${last}`,
    ]),
  ])("never hold the client's %s", (name, { expect }) => {
    expect(forwardedWith({ [name]: "x" }).has(name)).toBe(false);
  });

  it("hold nothing that Connection names", ({ expect }) => {
    const headers = forwardedWith({
      connection: "close, X-Custom ,x-other,,",
      "x-custom": "1",
      "x-other": "2",
      "x-kept": "3",
    });
    expect(headers.has("x-custom")).toBe(false);
    expect(headers.has("x-other")).toBe(false);
    expect(headers.get("x-kept")).toBe("3");
  });

  it("are set from the truth even where Connection names them", ({ expect }) => {
    const headers = forwardedWith({
      connection: "x-forwarded-for, x-forwarded-host, x-forwarded-proto, forwarded",
      "x-forwarded-for": "6.6.6.6",
    });
    expect(headers.get("x-forwarded-for")).toBe("203.0.113.7");
    expect(headers.get("x-forwarded-host")).toBe("shop.example.com:8443");
    expect(headers.get("x-forwarded-proto")).toBe("https");
    expect(headers.get("forwarded")).toContain("for=203.0.113.7");
  });

  it.for([
    "cookie",
    "content-type",
    "content-encoding",
    "content-length",
    "authorization",
    "idempotency-key",
  ])("keep %s whatever Connection says", (name, { expect }) => {
    const headers = forwardedWith({ connection: name, [name]: "5" });
    expect(headers.get(name)).toBe("5");
  });

  it("keep Upgrade for a WebSocket handshake only", ({ expect }) => {
    const handshake = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-key": "x" };
    expect(forwardedWith(handshake).get("upgrade")).toBe("websocket");
    expect(forwardedWith(handshake).get("sec-websocket-key")).toBe("x");
    expect(forwardedWith({ connection: "Upgrade", upgrade: "h2c" }).has("upgrade")).toBe(false);
  });

  it("hold everything else byte for byte, and leave the client's headers alone", ({ expect }) => {
    const given = { accept: "*/*;q=0.1", "x-app": "a,  b", cookie: "a=1; b=2", range: "bytes=0-1" };
    const arrival = arrivalOf(URL, { ...given, te: "trailers" });
    const headers = requestHeaders(arrival, null, arrival.cookies, 0, true);
    for (const [name, value] of Object.entries(given)) expect(headers.get(name)).toBe(value);
    expect(arrival.headers.get("te")).toBe("trailers");
  });

  it("hold what is left of the cookies", ({ expect }) => {
    const arrival = arrivalOf(URL, { cookie: "affinity=x; a=1" });
    expect(requestHeaders(arrival, null, "a=1", 0, true).get("cookie")).toBe("a=1");
    expect(requestHeaders(arrival, null, null, 0, true).has("cookie")).toBe(false);
  });

  it("say nothing of a client whose address is not known", ({ expect }) => {
    const headers = forwardedWith({ "x-forwarded-for": "6.6.6.6" }, null);
    expect(headers.has("x-forwarded-for")).toBe(false);
    expect(headers.get("forwarded")).toContain("for=unknown");
  });

  it.for([
    ["203.0.113.7", "for=203.0.113.7;"],
    ["2001:db8::1", 'for="[2001:db8::1]";'],
    [null, "for=unknown;"],
  ] as const)("quote %s in Forwarded as RFC 7239 wants it", ([ip, part], { expect }) => {
    const value = forwardedWith({}, ip).get("forwarded");
    expect(value).toContain(part);
    expect(value).toContain('host="shop.example.com:8443"');
    expect(value).toContain("proto=https");
  });

  it("throw nothing and let nothing through, whatever Connection holds", ({ expect }) => {
    const words = fc.array(
      fc.oneof(
        fc.constantFrom("close", "x-a", "X-B", "cookie", "host", "content-length", " ", '"x-a"'),
        fc.stringMatching(/^[ -~]{0,10}$/),
      ),
    );
    fc.assert(
      fc.property(words, (list) => {
        const headers = forwardedWith({
          connection: [...list, "x-a"].join(","),
          "x-a": "1",
          cookie: "c=1",
        });
        expect(headers.has("x-a")).toBe(false);
        expect(headers.has("connection")).toBe(false);
        expect(headers.get("cookie")).toBe("c=1");
      }),
    );
  });
});

describe("a loop", () => {
  it("is counted from router to router and ends at the third", ({ expect }) => {
    let headers = new Headers();
    for (let hops = 0; hops < 3; hops += 1) {
      expect(hopsOf(headers)).toBe(hops);
      expect(isLoop(hopsOf(headers))).toBe(false);
      headers = requestHeaders(arrivalOf(URL, headers), null, null, hopsOf(headers), true);
    }
    expect(isLoop(hopsOf(headers))).toBe(true);
  });

  it("is not what other proxies say of themselves", ({ expect }) => {
    for (const forwarded of ["by=_other;for=1.2.3.4", "for=1.2.3.4;by=203.0.113.1", "", "x"]) {
      expect(hopsOf(new Headers({ forwarded }))).toBe(0);
    }
  });
});

describe("the headers for the client", () => {
  const dropped = (headers: HeadersInit) => responseHopByHop(new Headers(headers)).sort();

  it.for(["proxy-connection", "proxy-authenticate", "alt-svc"])(
    "never hold the origin's %s",
    (name, { expect }) => {
      expect(dropped({ [name]: "x", "x-kept": "1" })).toContain(name);
      expect(dropped({ [name]: "x", "x-kept": "1" })).not.toContain("x-kept");
    },
  );

  it("need no change for what the runtime takes off itself", ({ expect }) => {
    const runtime = { "keep-alive": "timeout=5", te: "trailers", trailer: "x-sum" };
    for (const connection of ["keep-alive", "close", "Keep-Alive", "close, TE, Trailer"]) {
      expect(dropped({ connection, ...runtime }), connection).toEqual([]);
    }
  });

  it("need no change for what the runtime takes off itself", ({ expect }) => {
    const runtime = { "keep-alive": "timeout=5", te: "trailers", trailer: "x-sum" };
    for (const connection of ["keep-alive", "close", "Keep-Alive", "close, TE, Trailer"]) {
      expect(dropped({ connection, ...runtime }), connection).toEqual([]);
    }
  });

  it("hold nothing that Connection names, but all that the answer needs", ({ expect }) => {
    const needed = ["content-length", "content-type", "content-encoding", "set-cookie", "location"];
    const headers = { connection: ["close", "X-Secret", ...needed].join(", "), "x-secret": "1" };
    const gone = dropped(headers);
    expect(gone).toContain("x-secret");
    for (const name of needed) expect(gone).not.toContain(name);
  });

  it("are as they came when there is nothing to drop", ({ expect }) => {
    expect(dropped({ "content-type": "text/html", "set-cookie": "a=1", vary: "accept" })).toEqual(
      [],
    );
  });
});

describe("an answer that gets our cookie", () => {
  it.for([
    [null, "private"],
    ["", "private"],
    ["public, max-age=60", "private, max-age=60"],
    ["max-age=60", "private, max-age=60"],
    ["PUBLIC, S-MaxAge=60, max-age=5", "private, max-age=5"],
    ["max-age=60, must-revalidate, proxy-revalidate", "private, max-age=60, must-revalidate"],
    ["no-cache", "private, no-cache"],
    ["x-private, no-storey", "private, x-private, no-storey"],
    ["x-public, max-age=1", "private, x-public, max-age=1"],
    ["private", null],
    ["no-store", null],
    ["max-age=0, Private", null],
    ['private="set-cookie", max-age=60', 'private, private="set-cookie", max-age=60'],
  ] as const)("with Cache-Control %j leaves with %j", ([given, expected], { expect }) => {
    const headers = new Headers(given === null ? {} : { "cache-control": given });
    expect(privateCacheControl(headers)).toBe(expected);
  });
});
