import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { OriginAnswer } from "../kit/origin-routes.ts";
import type { OriginHandler } from "../kit/origins.ts";
import { headerOf, headersOf, type RawAnswer } from "../kit/raw-http.ts";
import { rawRequest, startScene, type Scene } from "./scene.ts";

let scene: Scene;

const zipped = gzipSync("limpet ".repeat(100));
const handler: OriginHandler = (request, response) => {
  if (request.url?.startsWith("/range")) {
    response.writeHead(206, { "content-range": "bytes 2-5/10", "accept-ranges": "bytes" });
    response.end(String(request.headers.range));
    return true;
  }
  if (request.url?.startsWith("/zip")) {
    response.writeHead(200, { "content-encoding": "gzip", "content-type": "text/plain" });
    response.end(zipped);
    return true;
  }
  if (request.url?.startsWith("/odd-encoding")) {
    response.writeHead(200, { "content-encoding": "br" }).end("this is no brotli");
    return true;
  }
  return false;
};

beforeAll(async () => {
  scene = await startScene({ names: ["app-1"], handler });
});

afterAll(() => scene.stop());

const parse = (answer: RawAnswer) => JSON.parse(String(answer.body)) as OriginAnswer;
const get = (path: string, lines: readonly string[] = []) =>
  rawRequest(scene.url, `GET ${path}`, lines);

describe("path and query reach the origin byte for byte", () => {
  test.for([
    "/",
    "/?",
    "/a//b///c",
    "/a%2e%2eb/.../x.",
    "/a%2Fb%5Cc",
    "/caf%C3%A9/caf%c3%a9",
    "/x?a=1&a=2&b=%20+%2B&c",
    "/x??a=?&=&&",
    "/x?q=`{}|\\^[]~",
    "/:colon;matrix=1,2;jsessionid=A.node1/*(x)!$'@~",
    "/x'y|[z]~",
    "/%",
    "/%zz?%zz=%",
    "/a+b%20c",
    "//double.example/x",
    "/http://other.example/x",
    "/x?next=https://a.example/?b=c#",
    `/long/${"x".repeat(6000)}?${"y".repeat(6000)}`,
  ])("%s", async (path, { expect }) => {
    const answer = await get(path);
    expect(answer.status).toBe(200);
    expect(parse(answer).url).toBe(path.replace(/#.*/, ""));
  });

  test("bytes above ASCII arrive as they are, or percent-encoded", async ({ expect }) => {
    const { url } = parse(await get("/caf\xc3\xa9?q=\xc3\xa9"));
    expect(["/caf\xc3\xa9?q=\xc3\xa9", "/caf%C3%A9?q=%C3%A9"]).toContain(url);
  });

  test("dot segments never climb above what the client could have asked for", async ({
    expect,
  }) => {
    const based = await startScene({ names: ["app-1"] });
    try {
      await based.router.restart({
        vars: { ORIGINS: [`${based.origins[0]?.url}/base`] },
      });
      for (const [path, sent] of [
        ["/x/y?z", "/base/x/y?z"],
        ["/", "/base/"],
        ["/../secret", "/base/secret"],
        ["/a/../../secret", "/base/secret"],
        ["/%2e%2e/secret", "/base/secret"],
        ["/.%2E/.%2e/secret", "/base/secret"],
      ]) {
        const answer = await rawRequest(based.url, `GET ${path}`);
        const { url } = parse(answer);
        // Left to the origin to resolve, or resolved below the base: never above it.
        const resolved = new URL(url, "http://x").pathname + new URL(url, "http://x").search;
        expect([path, resolved]).toEqual([path, sent]);
      }
    } finally {
      await based.stop();
    }
  });

  test("a fragment is not sent, and hides no other path", async ({ expect }) => {
    expect(parse(await get("/x#/../admin")).url).toBe("/x");
    expect(parse(await get("/x?q#frag?no")).url).toBe("/x?q");
  });
});

describe("methods and statuses", () => {
  test("every method passes, with and without a body", async ({ expect }) => {
    for (const method of [
      "GET",
      "POST",
      "PUT",
      "PATCH",
      "DELETE",
      "OPTIONS",
      "PROPFIND",
      "QUERY",
    ]) {
      const body = method === "GET" ? "" : "name=value";
      const lines = body ? [`Content-Length: ${body.length}`] : [];
      const answer = await rawRequest(scene.url, `${method} /m`, lines, body);
      expect([answer.status, parse(answer).method, parse(answer).body.text]).toEqual([
        200,
        method,
        body,
      ]);
    }
  });

  test("a GET and a DELETE with a body pass it on", async ({ expect }) => {
    for (const method of ["GET", "DELETE"]) {
      const answer = await rawRequest(scene.url, `${method} /`, ["Content-Length: 3"], "abc");
      expect([method, answer.status]).toEqual([method, 200]);
      expect(parse(answer).body.text).toBe("abc");
    }
  });

  test("OPTIONS * is answered or refused, but is no request for another host", async ({
    expect,
  }) => {
    const answer = await rawRequest(scene.url, "OPTIONS *");
    if (answer.status !== 200) return expect(answer.status).toBe(400);
    expect(headerOf(parse(answer), "x-forwarded-host")).toBe(new URL(scene.url).host);
  });

  test("an empty POST stays empty", async ({ expect }) => {
    const answer = parse(await rawRequest(scene.url, "POST /", ["Content-Length: 0"]));
    expect([answer.method, answer.body.length]).toEqual(["POST", 0]);
    expect(headerOf(answer, "transfer-encoding")).toBeUndefined();
  });

  test.for([200, 201, 204, 206, 300, 304, 400, 401, 404, 409, 418, 429, 451, 500, 501, 505])(
    "%i passes",
    async (status, { expect }) => {
      const answer = await get(`/status/${status}`);
      expect(answer.status).toBe(status);
      const body = status === 204 || status === 304 ? "" : "app-1";
      expect(String(answer.body)).toBe(body);
    },
  );

  test("HEAD has the headers of the answer and no body", async ({ expect }) => {
    const answer = await rawRequest(scene.url, "HEAD /bytes/1234");
    expect([answer.status, headerOf(answer, "content-length")]).toEqual([200, "1234"]);
    expect(scene.origins[0]?.requests.at(-1)?.method).toBe("HEAD");
  });

  test("a range is the origin's to answer", async ({ expect }) => {
    const answer = await get("/range", ["Range: bytes=2-5", 'If-Range: "v1"']);
    expect([answer.status, String(answer.body)]).toEqual([206, "bytes=2-5"]);
    expect(headerOf(answer, "content-range")).toBe("bytes 2-5/10");
  });

  test("TRACE is refused and reaches no origin", async ({ expect }) => {
    const before = scene.origins[0]?.requests.length;
    const answer = await rawRequest(scene.url, "TRACE /", ["Cookie: secret=1"]);
    expect(answer.status).toBe(405);
    expect(headerOf(answer, "content-type")).toBe("application/problem+json");
    expect(JSON.parse(String(answer.body))).toMatchObject({
      status: 405,
      code: "method_not_allowed",
    });
    expect(headerOf(answer, "allow")).toMatch(/\bGET\b/);
    expect(String(answer.body)).not.toContain("secret");
    expect(scene.origins[0]?.requests.length).toBe(before);
  });
});

describe("bodies are never re-encoded", () => {
  test.for(["gzip", "identity", "br, gzip;q=0.1", ""])(
    "a gzip answer keeps its bytes when the client accepts %o",
    async (accept, { expect }) => {
      const lines = accept ? [`Accept-Encoding: ${accept}`] : [];
      const answer = await get("/zip", lines);
      expect(headerOf(answer, "content-encoding")).toBe("gzip");
      expect(answer.body.equals(zipped)).toBe(true);
    },
  );

  test("the client's Accept-Encoding is the origin's", async ({ expect }) => {
    const sent = async (lines: string[]) =>
      headersOf(parse(await get("/", lines)), "accept-encoding");
    expect(await sent(["Accept-Encoding: zstd, x-own;q=0.3"])).toEqual(["zstd, x-own;q=0.3"]);
    expect(await sent([])).toEqual([]);
  });

  test("an encoding that is a lie passes as it came", async ({ expect }) => {
    const answer = await get("/odd-encoding");
    expect([headerOf(answer, "content-encoding"), String(answer.body)]).toEqual([
      "br",
      "this is no brotli",
    ]);
  });
});

describe("redirects", () => {
  const location = async (to: string, scheme: string[] = []) =>
    headerOf(await get(`/redirect?to=${encodeURIComponent(to)}`, scheme), "location");

  test("pass through with their status", async ({ expect }) => {
    for (const status of [301, 302, 303, 307, 308]) {
      const answer = await get(`/redirect?to=/next&status=${status}`);
      expect([answer.status, headerOf(answer, "location")]).toEqual([status, "/next"]);
    }
    const posted = await rawRequest(scene.url, "POST /redirect?to=/n", ["Content-Length: 1"], "x");
    expect(posted.status).toBe(302);
  });

  test.for(["/a?b#c", "../up", "?only", "https://else.example/x", "//else.example/x", "weird:x"])(
    "to %s keep their Location",
    async (to, { expect }) => {
      expect(await location(to)).toBe(to);
    },
  );

  test("to the origin itself come back to the client's own host", async ({ expect }) => {
    const origin = scene.origins[0]?.url;
    expect(await location(`${origin}/next?a=b#c`)).toBe(`${scene.url}/next?a=b#c`);
    expect(await location(`${origin}`)).toMatch(new RegExp(`^${scene.url}/?$`));
    // Another port that begins with the same digits is another server.
    expect(await location(`${origin}0/x`)).toBe(`${origin}0/x`);
  });
});
