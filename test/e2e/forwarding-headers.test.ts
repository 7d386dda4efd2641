import { afterAll, beforeAll, describe, test } from "vitest";
import type { OriginAnswer } from "../kit/origin-routes.ts";
import { headerOf, headersOf, sendRaw, type RawAnswer } from "../kit/raw-http.ts";
import { rawRequest, startScene, type Scene } from "./scene.ts";

let scene: Scene;
let host = "";

beforeAll(async () => {
  scene = await startScene({ names: ["app-1"], protoHeader: "x-test-proto" });
  host = new URL(scene.url).host;
});

afterAll(() => scene.stop());

const seen = (answer: RawAnswer) => JSON.parse(String(answer.body)) as OriginAnswer;
const send = async (...lines: string[]) =>
  seen(await rawRequest(scene.url, "GET /", ["CF-Connecting-IP: 203.0.113.9", ...lines]));
const answerWith = (...lines: string[]) =>
  rawRequest(
    scene.url,
    `GET /?${lines.map((line) => `header=${encodeURIComponent(line)}`).join("&")}`,
  );

describe("what the origin is told of the client", () => {
  test("address, host and scheme", async ({ expect }) => {
    const request = await send();
    expect(headersOf(request, "x-forwarded-for")).toEqual(["203.0.113.9"]);
    expect(headersOf(request, "x-forwarded-host")).toEqual([host]);
    expect(headersOf(request, "x-forwarded-proto")).toEqual(["http"]);
    const [forwarded = ""] = headersOf(request, "forwarded");
    for (const pair of ["for=203.0.113.9", `host="${host}"`, "proto=http"]) {
      expect(forwarded.split(/[;,] */)).toContain(pair);
    }
  });

  test("https when the client came so", async ({ expect }) => {
    const request = await send("X-Test-Proto: https");
    expect(headersOf(request, "x-forwarded-proto")).toEqual(["https"]);
    expect(headerOf(request, "forwarded")).toMatch(/\bproto=https\b/);
  });

  test("an IPv6 address is quoted in Forwarded", async ({ expect }) => {
    const answer = await rawRequest(scene.url, "GET /", ["CF-Connecting-IP: 2001:db8::1"]);
    expect(headersOf(seen(answer), "x-forwarded-for")).toEqual(["2001:db8::1"]);
    expect(headerOf(seen(answer), "forwarded")).toContain('for="[2001:db8::1]"');
  });

  test("whatever the client claims, the truth comes last and alone where there is one", async ({
    expect,
  }) => {
    const request = await send(
      "X-Forwarded-For: 10.0.0.1, 10.0.0.2",
      "X-Forwarded-Host: evil.example",
      "X-Forwarded-Proto: https",
      "Forwarded: for=10.0.0.1;host=evil.example;proto=https",
    );
    expect(headerOf(request, "x-forwarded-for")).toMatch(/(^|, )203\.0\.113\.9$/);
    expect(headersOf(request, "x-forwarded-host")).toEqual([host]);
    expect(headersOf(request, "x-forwarded-proto")).toEqual(["http"]);
    expect(headersOf(request, "forwarded").join(", ")).toMatch(/for=203\.0\.113\.9[^,]*$/);
  });

  test("an odd Host adds nothing to Forwarded", async ({ expect }) => {
    const lines = ["CF-Connecting-IP: 203.0.113.9", 'Host: a"b;proto=https;x="'];
    const head = ["GET / HTTP/1.1", ...lines, "", ""].join("\r\n");
    const answer = await sendRaw(scene.url, head);
    if (answer.status !== 200) return expect(answer.status).toBe(400);
    const forwarded = headerOf(seen(answer), "forwarded") ?? "";
    // RFC 7239: a value that is no token is a quoted string, its quotes escaped.
    expect(forwarded.replace(/"(?:[^"\\]|\\.)*"/g, "")).not.toContain("proto=https");
  });

  test("a Connection header can't take the truth away", async ({ expect }) => {
    const request = await send(
      "Connection: close, X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, Forwarded, Cookie, Host",
      "Cookie: a=1",
    );
    expect(headersOf(request, "x-forwarded-for")).toEqual(["203.0.113.9"]);
    expect(headersOf(request, "x-forwarded-host")).toEqual([host]);
    expect(headersOf(request, "x-forwarded-proto")).toEqual(["http"]);
    expect(headerOf(request, "forwarded")).toMatch(/for=203\.0\.113\.9/);
    expect(headerOf(request, "host")).toBe(new URL(scene.origins[0]?.url ?? "").host);
  });

  test("our own headers are ours to say", async ({ expect }) => {
    await send();
    const first = await send(
      "Affinity-Event: moved; from=app-9; reason=admin",
      "Affinity-Status: x",
    );
    expect(headersOf(first, "affinity-event")).toEqual(["new"]);
    expect(headersOf(first, "affinity-status")).toEqual([]);
  });
});

describe("headers of a request", () => {
  test("in two Connection lines, the first of them empty, are named as in one", async ({
    expect,
  }) => {
    const request = await send(
      "cOnnEctiOn:",
      "CONNECTION: x-hop , X-HOP-2",
      "X-Hop: 1",
      "x-hoP-2: 2",
      "X-Hop-3: 3",
      "Connection: x-hop-4",
      "X-Hop-4: 4",
    );
    const names = request.headers.map(([name]) => name.toLowerCase());
    expect(names.filter((name) => /hop|connection/.test(name))).toEqual(["x-hop-3"]);
  });

  test("keep their lines apart where the runtime does, and their order always", async ({
    expect,
  }) => {
    const request = await send("X-Many: 1", "x-many: 2", "X-Other: 0", "X-Many: 3, 4");
    expect(headersOf(request, "x-many")).toEqual(["1", "2", "3, 4"]);
  });

  test("of which an origin in the CGI style would make one of ours are not passed on", async ({
    expect,
  }) => {
    const request = await send(
      "X_Forwarded_For: 6.6.6.6",
      "X-Forwarded_For: 6.6.6.6",
      "x_forwarded-for: 6.6.6.6",
      "X_Forwarded_Host: evil.example",
      "X_Forwarded-Proto: https",
      "affinity_event: moved; from=x; reason=admin",
      "Proxy: http://evil.example",
      "my_own_header: kept",
    );
    const cgi = request.headers.map(([name]) => name.toLowerCase().replaceAll("-", "_"));
    for (const name of [
      "x_forwarded_for",
      "x_forwarded_host",
      "x_forwarded_proto",
      "affinity_event",
    ]) {
      expect([name, cgi.filter((one) => one === name).length]).toEqual([name, 1]);
    }
    expect(cgi).not.toContain("proxy");
    expect(headersOf(request, "my_own_header")).toEqual(["kept"]);
  });

  test("pass in every line, order among equals and value kept", async ({ expect }) => {
    const request = await send(
      "X-Two: one",
      "x-two: two, three",
      "X-Empty:",
      "X-Latin: caf\xe9",
      "Authorization: Bearer abc",
      "User-Agent: odd/1.0 (x; y)",
      'If-None-Match: W/"x", "y"',
      "Priority: u=1, i",
      "Accept: */*;q=0.1",
    );
    expect(headersOf(request, "x-two").join(", ")).toBe("one, two, three");
    expect(headersOf(request, "x-empty")).toEqual([""]);
    expect(headersOf(request, "x-latin")).toEqual(["caf\xe9"]);
    expect(headersOf(request, "authorization")).toEqual(["Bearer abc"]);
    expect(headersOf(request, "user-agent")).toEqual(["odd/1.0 (x; y)"]);
    expect(headersOf(request, "if-none-match")).toEqual(['W/"x", "y"']);
    expect(headersOf(request, "priority")).toEqual(["u=1, i"]);
    expect(headersOf(request, "accept")).toEqual(["*/*;q=0.1"]);
  });

  test("nothing is added that the client did not send", async ({ expect }) => {
    const names = (await send()).headers.map(([name]) => name.toLowerCase());
    expect(
      names.filter((name) => !/^(x-forwarded-|cf-|affinity-event$)/.test(name)).sort(),
    ).toEqual(["forwarded", "host"]);
  });

  test("hop-by-hop ones and those named in Connection end here", async ({ expect }) => {
    const request = await send(
      "Connection: keep-alive, X-Hop, x-other-HOP",
      "Keep-Alive: timeout=5",
      "Proxy-Connection: keep-alive",
      "Proxy-Authorization: Basic abc",
      "Proxy-Authenticate: Basic",
      "TE: trailers",
      "Trailer: X-Sum",
      "Upgrade: foo",
      "X-Hop: 1",
      "X-Other-Hop: 2",
      "X-End: 3",
    );
    const names = request.headers.map(([name]) => name.toLowerCase());
    for (const name of [
      "keep-alive",
      "proxy-connection",
      "proxy-authorization",
      "proxy-authenticate",
      "te",
      "trailer",
      "upgrade",
      "x-hop",
      "x-other-hop",
    ]) {
      expect(names).not.toContain(name);
    }
    expect(names).toContain("x-end");
  });
});

describe("headers of an answer", () => {
  test("pass in every line", async ({ expect }) => {
    const answer = await answerWith(
      "X-Two:one",
      "X-Two:two",
      'ETag:W/"abc"',
      "Vary:Accept-Encoding",
      "Vary:Cookie",
      "Link:</a>; rel=preload",
      "Server:odd/1.0",
      "X-Powered-By:origin",
      'WWW-Authenticate:Basic realm="a, b"',
      "Last-Modified:Wed, 21 Oct 2015 07:28:00 GMT",
      "Content-Security-Policy:default-src 'self'",
    );
    expect(headersOf(answer, "x-two").join(", ")).toBe("one, two");
    expect(headersOf(answer, "vary").join(", ")).toBe("Accept-Encoding, Cookie");
    expect(headerOf(answer, "etag")).toBe('W/"abc"');
    expect(headerOf(answer, "link")).toBe("</a>; rel=preload");
    expect(headerOf(answer, "server")).toBe("odd/1.0");
    expect(headerOf(answer, "x-powered-by")).toBe("origin");
    expect(headerOf(answer, "www-authenticate")).toBe('Basic realm="a, b"');
    expect(headerOf(answer, "last-modified")).toBe("Wed, 21 Oct 2015 07:28:00 GMT");
    expect(headerOf(answer, "content-security-policy")).toBe("default-src 'self'");
  });

  test("hop-by-hop ones and those named in Connection end here", async ({ expect }) => {
    const answer = await answerWith(
      "Connection:close, X-Hop",
      "X-Hop:1",
      "Keep-Alive:timeout=5",
      "Proxy-Authenticate:Basic",
      "Proxy-Connection:close",
      "Upgrade:h2c",
      "X-End:2",
    );
    const names = answer.headers.map(([name]) => name.toLowerCase());
    for (const name of [
      "x-hop",
      "keep-alive",
      "proxy-authenticate",
      "proxy-connection",
      "upgrade",
    ]) {
      expect(names).not.toContain(name);
    }
    expect(names).toContain("x-end");
  });

  test("say nothing of the router by default, on pinned answers nothing at all", async ({
    expect,
  }) => {
    const client = scene.client();
    await client.get("/");
    const names = (await client.get("/")).headers.map(([name]) => name.toLowerCase()).sort();
    expect(names).toEqual(["content-length", "content-type", "date"]);
  });

  test("an Affinity-Status of the origin is not taken for ours", async ({ expect }) => {
    const answer = await answerWith('Affinity-Status:limpet; hit; origin="x"');
    expect(headersOf(answer, "affinity-status").length).toBeLessThanOrEqual(1);
  });
});
