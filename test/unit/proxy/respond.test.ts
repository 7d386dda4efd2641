import { describe, it } from "vitest";

import type { Instead } from "../../../src/model.ts";
import { respond, withStatus } from "../../../src/proxy/respond.ts";
import { arrivalOf, makePool } from "../fixtures.ts";

const ARRIVAL = arrivalOf("https://shop.example.com/cart");
const [ORIGIN] = makePool().origins;
const OURS = "__Host-affinity=token; Path=/; HttpOnly";

function answerOf(lines: readonly (readonly [string, string])[], body: BodyInit | null = "body") {
  const headers = new Headers();
  for (const [name, value] of lines) headers.append(name, value);
  return new Response(body, { headers });
}

const send = (response: Response, setCookies: string[] = [], instead: Instead[] = []) =>
  respond(response, ARRIVAL, ORIGIN!, { setCookies, instead });

describe("an answer that needs no change", () => {
  it("is handed on as it is", ({ expect }) => {
    for (const response of [
      answerOf([
        ["set-cookie", "a=1"],
        ["cache-control", "public, max-age=60"],
      ]),
      new Response(null, { status: 204 }),
      new Response(null, { status: 304, headers: { etag: '"x"' } }),
      new Response(null, { status: 302, headers: { location: "https://elsewhere.example/" } }),
    ]) {
      expect(send(response)).toBe(response);
    }
  });
});

describe("an answer with a cookie of ours", () => {
  it("keeps every Set-Cookie line, in order, and ours comes last", ({ expect }) => {
    const lines = [
      "b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
      "a=1, x=y; Path=/",
      'b=3; Path="/"',
    ];
    const response = answerOf(lines.map((line) => ["set-cookie", line] as const));
    const answer = send(response, [OURS, "second=1"]);
    expect(answer.headers.getSetCookie()).toEqual([...lines, OURS, "second=1"]);
  });

  it("keeps status, other headers and the body", async ({ expect }) => {
    const bytes = new Uint8Array([0, 255, 10, 13, 128]);
    const response = new Response(bytes, {
      status: 418,
      statusText: "Teapot",
      headers: { "x-app": "1", etag: '"v1"', "content-type": "application/x-odd" },
    });
    const answer = send(response, [OURS]);
    expect(answer.status).toBe(418);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "x-app": "1",
      etag: '"v1"',
      "content-type": "application/x-odd",
    });
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(bytes);
  });

  it("may be kept by no shared cache", ({ expect }) => {
    for (const [given, expected] of [
      [[], "private"],
      [[["cache-control", "public, max-age=60"]], "private, max-age=60"],
      [[["cache-control", "no-store"]], "no-store"],
    ] as const) {
      expect(send(answerOf(given), [OURS]).headers.get("cache-control")).toBe(expected);
    }
    const targeted = answerOf([["cdn-cache-control", "max-age=60"]]);
    expect(send(targeted, [OURS]).headers.get("cdn-cache-control")).toBeNull();
  });

  it("has one where no body may be, too", ({ expect }) => {
    for (const status of [204, 304]) {
      const answer = send(new Response(null, { status }), [OURS]);
      expect([answer.status, answer.body]).toEqual([status, null]);
      expect(answer.headers.getSetCookie()).toEqual([OURS]);
    }
  });

  it("keeps its socket when it is a WebSocket's", ({ expect }) => {
    const { 0: client, 1: server } = new WebSocketPair();
    server.accept();
    const response = new Response(null, {
      status: 101,
      webSocket: client,
      headers: { "sec-websocket-protocol": "chat" },
    });
    const answer = send(response, [OURS]);
    expect(answer.status).toBe(101);
    expect(answer.webSocket).not.toBeNull();
    expect(answer.headers.get("sec-websocket-protocol")).toBe("chat");
    expect(answer.headers.getSetCookie()).toEqual([OURS]);
    server.close();
  });
});

describe("an application's cookie that goes out in another form", () => {
  const embedded: Instead = { kind: "cookie", name: "SID", line: "SID=token~abc; Path=/" };

  it("takes the place of the last line of its name, and of no other", ({ expect }) => {
    const response = answerOf(
      ["a=1", "SID=old", "XSID=1", "SID = abc; Path=/", "sid=low", "z=SID=2"].map(
        (line) => ["set-cookie", line] as const,
      ),
    );
    expect(send(response, [OURS], [embedded]).headers.getSetCookie()).toEqual([
      "a=1",
      "SID=old",
      "XSID=1",
      "SID=token~abc; Path=/",
      "sid=low",
      "z=SID=2",
      OURS,
    ]);
  });

  it("adds no line where there was none", ({ expect }) => {
    const response = answerOf([["set-cookie", "a=1"]]);
    expect(send(response, [], [embedded]).headers.getSetCookie()).toEqual(["a=1"]);
  });

  it("may be a header", ({ expect }) => {
    const response = answerOf([["x-session", "abc"]]);
    const header: Instead = { kind: "header", name: "x-session", value: "token~abc" };
    expect(send(response, [], [header]).headers.get("x-session")).toBe("token~abc");
  });
});

describe("a header that is not for the client", () => {
  it("is taken off, and everything else stays", ({ expect }) => {
    const response = answerOf([
      ["alt-svc", 'h3=":443"'],
      ["connection", "x-secret"],
      ["x-secret", "1"],
      ["set-cookie", "a=1"],
      ["x-app", "1"],
    ]);
    // The runtime takes off Connection itself.
    expect([...send(response).headers.keys()].toSorted()).toEqual([
      "connection",
      "content-type",
      "set-cookie",
      "x-app",
    ]);
  });

  it("is the origin's own address in a redirect", ({ expect }) => {
    const moved = (location: string, status = 302) =>
      send(new Response(null, { status, headers: { location } })).headers.get("location");
    expect(moved("https://app-1.example.com/login?x=1")).toBe("https://shop.example.com/login?x=1");
    expect(moved("https://app-1.example.com/", 201)).toBe("https://shop.example.com/");
    expect(moved("/login")).toBe("/login");
    expect(moved("https://app-1.example.com/", 200)).toBe("https://app-1.example.com/");
  });
});

describe("an answer with a status of ours", () => {
  it("is the same answer with one more header", async ({ expect }) => {
    const answer = withStatus(answerOf([["set-cookie", "a=1"]]), "limpet; hit");
    expect(answer.headers.get("affinity-status")).toBe("limpet; hit");
    expect(answer.headers.getSetCookie()).toEqual(["a=1"]);
    expect(await answer.text()).toBe("body");
  });
});
