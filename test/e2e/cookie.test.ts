import { afterAll, beforeAll, describe, test } from "vitest";
import type { OriginAnswer } from "../kit/origin-routes.ts";
import { headerOf, headersOf } from "../kit/raw-http.ts";
import { freshIp, issued, rawRequest, startScene, type Scene } from "./scene.ts";

let scene: Scene;
let https: Scene;

beforeAll(async () => {
  [scene, https] = await Promise.all([
    startScene({ pool: { skip: ["/assets/*"] } }),
    startScene({ protoHeader: "x-test-proto" }),
  ]);
});

afterAll(async () => {
  await Promise.all([scene.stop(), https.stop()]);
});

const line = (answer: { headers: readonly (readonly [string, string])[] }, name = "affinity") =>
  headersOf(answer, "set-cookie").find((value) => value.startsWith(`${name}=`));
const attributes = (value: string | undefined) => (value ?? "").split("; ").slice(1).sort();
const over = (proto: string) => [`X-Test-Proto: ${proto}`, `CF-Connecting-IP: ${freshIp()}`];

describe("stickiness", () => {
  test("every client with a cookie jar stays on its origin, whoever else comes", async ({
    expect,
  }) => {
    const clients = Array.from({ length: 12 }, () => scene.client());
    const first = await Promise.all(clients.map((client) => client.get("/")));
    const homes = first.map((answer) => answer.json<OriginAnswer>().origin);
    expect(new Set(homes).size).toBe(3);
    for (let round = 0; round < 5; round++) {
      const again = await Promise.all(clients.map((client) => client.get(`/round/${round}`)));
      expect(again.map((answer) => answer.json<OriginAnswer>().origin)).toEqual(homes);
    }
  });

  test("the cookie is what sticks: it counts from another address and user agent too", async ({
    expect,
  }) => {
    const first = await scene.client({ userAgent: "one" }).get("/");
    const token = issued(first);
    for (let n = 0; n < 6; n++) {
      const roaming = scene.client({ userAgent: `other-${n}` });
      roaming.setCookie("affinity", token ?? "");
      const answer = await roaming.get("/");
      expect(answer.json<OriginAnswer>().origin).toBe(first.json<OriginAnswer>().origin);
    }
  });

  test("every method follows the pin, and the origin learns once that the session is new", async ({
    expect,
  }) => {
    const client = scene.client();
    const first = (await client.get("/")).json<OriginAnswer>();
    const event = (answer: OriginAnswer) => headerOf(answer, "affinity-event");
    expect(event(first)).toBe("new");
    for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
      const answer = (await client.request("/", { method, body: "x" })).json<OriginAnswer>();
      expect([answer.origin, answer.method, event(answer)]).toEqual([
        first.origin,
        method,
        undefined,
      ]);
    }
  });

  test("parallel first requests of one client go to one origin", async ({ expect }) => {
    const client = scene.client({ userAgent: "burst" });
    const answers = await Promise.all(Array.from({ length: 20 }, () => client.get("/")));
    expect(new Set(answers.map((answer) => answer.json<OriginAnswer>().origin)).size).toBe(1);
  });
});

describe("the cookie on the wire", () => {
  test("is set once and then only when it changes", async ({ expect }) => {
    const client = scene.client();
    expect((await client.get("/")).setCookies).toHaveLength(1);
    for (let n = 0; n < 5; n++) expect((await client.get("/")).setCookies).toEqual([]);
  });

  test("over http is named affinity, HttpOnly, Lax, for the whole site, for the browser session", async ({
    expect,
  }) => {
    const value = line(await scene.client().get("/deep/er?x=1"));
    expect(value).toMatch(/^affinity=[A-Za-z0-9_-]+; /);
    expect(attributes(value)).toEqual(["HttpOnly", "Path=/", "SameSite=Lax"]);
  });

  test("over https has the __Host- prefix and Secure, and sticks", async ({ expect }) => {
    const first = await rawRequest(https.url, "GET /", over("https"));
    const value = line(first, "__Host-affinity");
    expect(attributes(value)).toEqual(["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]);
    const again = await rawRequest(https.url, "GET /", [
      ...over("https"),
      `Cookie: ${value?.split(";", 1)[0]}`,
    ]);
    expect(JSON.parse(String(again.body)).origin).toBe(JSON.parse(String(first.body)).origin);
    expect(headersOf(again, "set-cookie")).toEqual([]);
  });

  test("comes after the app's Set-Cookie lines, which stay as they were", async ({ expect }) => {
    const app = [
      "a=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT; Path=/x",
      "b=two, with a comma",
      "a=again",
      "  odd ;;HttpOnly",
    ];
    const query = app.map((value) => `cookie=${encodeURIComponent(value)}`).join("&");
    const answer = await scene.client().get(`/?${query}`);
    expect(answer.setCookies.slice(0, -1)).toEqual(app.map((value) => value.trim()));
    expect(answer.setCookies.at(-1)).toMatch(/^affinity=/);
  });

  test("rides on answers without a body and on the app's own errors", async ({ expect }) => {
    for (const status of [204, 304, 404, 500]) {
      const answer = await scene.client().get(`/status/${status}`);
      expect([answer.status, answer.setCookies.length]).toEqual([status, 1]);
    }
    const head = await scene.client().request("/", { method: "HEAD" });
    expect(head.setCookies).toHaveLength(1);
  });

  test("says nothing of the origin, in any decoding", async ({ expect }) => {
    const tokens = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const answer = await scene.client().get("/");
        return { token: issued(answer) ?? "", origin: answer.json<OriginAnswer>().origin };
      }),
    );
    const words = scene.origins.flatMap(({ name, port }) => {
      const big = Buffer.alloc(2);
      big.writeUInt16BE(port);
      return [name, "127.0.0.1", String(port), port.toString(16), big, Buffer.from([127, 0, 0, 1])];
    });
    for (const { token } of tokens) {
      expect(token.length).toBeLessThanOrEqual(128);
      const decodings = [
        Buffer.from(token),
        Buffer.from(token, "base64url"),
        Buffer.from(token, "hex"),
        ...token.split(/[._~-]/).map((part) => Buffer.from(part, "base64url")),
      ];
      // Two bytes may meet by chance in a MAC; only longer words prove a leak.
      for (const word of words.filter(({ length }) => length > 3)) {
        expect(decodings.some((bytes) => bytes.includes(word))).toBe(false);
      }
    }
    // An index would be a byte that counts the origins in their order.
    const bytes = tokens.map(({ token }) => Buffer.from(token, "base64url"));
    const counting = [...(bytes[0] ?? [])].filter((_, at) =>
      [0, 1].some((base) =>
        tokens.every(
          ({ origin }, n) =>
            bytes[n]?.[at] === base + scene.origins.findIndex((o) => o.name === origin),
        ),
      ),
    );
    expect(counting).toEqual([]);
  });
});

describe("an answer that gets the cookie", () => {
  test.for([
    ["public, max-age=60", "private"],
    ["max-age=60, s-maxage=600", "private"],
    [undefined, "private"],
    ["no-store", "no-store"],
  ])("leaves %s as %s", async ([from, to], { expect }) => {
    const query =
      from === undefined ? "" : `?header=${encodeURIComponent(`cache-control:${from}`)}`;
    const client = scene.client();
    const first = headerOf(await client.get(`/${query}`), "cache-control") ?? "";
    expect(first.split(/, */)).toContain(to);
    expect(first).not.toMatch(/public|s-maxage/);
    expect(headerOf(await client.get(`/${query}`), "cache-control")).toBe(from);
  });
});

test("an answer that gets the cookie is kept out of CDNs that have headers of their own", async ({
  expect,
}) => {
  const names = ["CDN-Cache-Control", "Cloudflare-CDN-Cache-Control", "Surrogate-Control"];
  const query = names.map((name) => `header=${name}:max-age%3D600`).join("&");
  const client = scene.client();
  const first = await client.get(`/?${query}`);
  // RFC 9213: where they are understood, they override Cache-Control.
  for (const name of names) expect(headerOf(first, name) ?? "").not.toContain("max-age=600");
  for (const name of names) {
    expect(headerOf(await client.get(`/?${query}`), name)).toBe("max-age=600");
  }
});

describe("requests that make no pin", () => {
  const kinds: readonly (readonly [string, string, Record<string, string>])[] = [
    [
      "a CORS preflight",
      "OPTIONS /",
      { origin: "https://a.example", "access-control-request-method": "PUT" },
    ],
    ["a prefetch", "GET /", { "sec-purpose": "prefetch" }],
    ["a prerender", "GET /", { "sec-purpose": "prefetch;prerender" }],
    ["a path of the skip list", "GET /assets/app.css", {}],
  ];

  test.for(kinds)("%s gets no cookie, but follows one", async ([, start, headers], { expect }) => {
    const [method = "", path = ""] = start.split(" ");
    const before = (await scene.admin.sessions()).length;
    expect((await scene.client().request(path, { method, headers })).setCookies).toEqual([]);
    expect(await scene.admin.sessions()).toHaveLength(before);
    const client = scene.client();
    const home = (await client.get("/")).json<OriginAnswer>().origin;
    for (let n = 0; n < 4; n++) {
      const answer = await client.request(path, { method, headers });
      expect(answer.json<OriginAnswer>().origin).toBe(home);
    }
  });
});
