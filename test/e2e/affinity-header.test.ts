import { afterAll, beforeAll, describe, it } from "vitest";
import { Client, type ClientAnswer } from "../kit/jar.ts";
import { startOrigin, type Origin, type RecordedRequest } from "../kit/origins.ts";
import { headerOf, headersOf } from "../kit/raw-http.ts";
import { startRouter, type Router } from "../kit/workerd.ts";
import { Admin, adminToken, freshIp, poolOf, secret } from "./scene.ts";

let origins: readonly Origin[];
let router: Router;
let admin: Admin;

beforeAll(async () => {
  origins = await Promise.all(
    ["a", "b", "c", "d", "e"].map((name) =>
      startOrigin({
        name,
        handler: (_, response) => (response.setHeader("x-origin", name), false),
      }),
    ),
  );
  const pool = (name: string, rule: object, settings: object = {}) =>
    poolOf(origins, {
      name,
      match: [`${name}.test/*`],
      affinity: [{ by: "header", name: "X-Session-ID", ...rule }],
      ...settings,
    });
  router = await startRouter({
    secrets: { AFFINITY_SECRET: secret, ADMIN_TOKEN: adminToken },
    vars: {
      EXPOSE: "status",
      POOLS: [
        pool("both", {}),
        pool("request", { learn: "request" }),
        pool("response", { learn: "response" }),
        pool(
          "refuse",
          { learn: "response" },
          { failover: { on_lost: "refuse", refuse_status: 404 } },
        ),
        pool("route", { pin: "route" }),
        pool("embed", { pin: "embed" }),
        pool("hash", { pin: "hash" }),
      ],
    },
  });
  admin = new Admin(router.url);
});

afterAll(async () => {
  await router?.stop();
  await Promise.all((origins ?? []).map((origin) => origin.stop()));
});

/** A request of a client never seen before, so that only the header can tell where it belongs. */
function visit(pool: string, key?: string, path = "/", method = "GET"): Promise<ClientAnswer> {
  const client = new Client(router.url, { ip: freshIp(), headers: { host: `${pool}.test` } });
  return client.request(path, {
    method,
    headers: key === undefined ? {} : { "X-Session-ID": key },
  });
}

const issuing = (key: string, path = "/"): string =>
  `${path}?header=${encodeURIComponent(`X-Session-ID:${key}`)}`;
const originOf = (answer: ClientAnswer): string | undefined => headerOf(answer, "x-origin");
const outcomeOf = (answer: ClientAnswer): string | undefined =>
  headerOf(answer, "affinity-status")?.split(";")[1]?.trim();
const seenBy = (answer: ClientAnswer): string[] =>
  headersOf(answer.json<Pick<RecordedRequest, "headers">>(), "x-session-id");

async function reached(pool: string, key: string): Promise<string[]> {
  const answers = [];
  for (let n = 0; n < 6; n++) answers.push(await visit(pool, key));
  return [...new Set(answers.map((answer) => `${outcomeOf(answer)} ${originOf(answer)}`))];
}

describe("a session ID in a header, kept in the map", () => {
  it("is learned from the request under learn = both and request", async ({ expect }) => {
    for (const pool of ["both", "request"]) {
      const first = await visit(pool, "shown");
      expect(outcomeOf(first)).toBe("new");
      expect(await reached(pool, "shown")).toEqual([`hit ${originOf(first)}`]);
    }
  });

  it("is learned from the response under learn = both and response", async ({ expect }) => {
    for (const pool of ["both", "response"]) {
      for (const path of ["/", "/status/202", "/status/404", "/sse"]) {
        const key = `issued${path}`;
        const first = await visit(pool, undefined, issuing(key, path), "POST");
        expect(headersOf(first, "x-session-id")).toEqual([key]);
        expect(await reached(pool, key)).toEqual([`hit ${originOf(first)}`]);
      }
    }
  });

  it("is not learned from a response under learn = request", async ({ expect }) => {
    await visit("request", undefined, issuing("only-issued"));
    expect(outcomeOf(await visit("request", "only-issued"))).toBe("new");
  });

  it("is not learned from a request under learn = response", async ({ expect }) => {
    const before = await admin.sessions("&pool=response");
    for (let n = 0; n < 5; n++) {
      expect(outcomeOf(await visit("response", "made-up"))).not.toBe("hit");
    }
    expect(await admin.sessions("&pool=response")).toHaveLength(before.length);
  });

  it("is compared byte by byte and passes unchanged", async ({ expect }) => {
    const keys = [
      "Case",
      "case",
      "a,b",
      '"q"',
      "%41",
      "A",
      "a=b;c",
      "\xc3\xa9",
      "\xe9",
      "x".repeat(99),
    ];
    const first = new Map<string, string | undefined>();
    for (const key of keys) {
      const answer = await visit("both", key);
      expect(outcomeOf(answer), key).toBe("new");
      expect(seenBy(answer)).toEqual([key]);
      first.set(key, originOf(answer));
    }
    for (const [key, origin] of first) {
      expect(await reached("both", key)).toEqual([`hit ${origin}`]);
    }
  });

  it("follows the ID that an origin gives in exchange for another", async ({ expect }) => {
    const first = await visit("both", "old-id");
    const change = await visit("both", "old-id", issuing("new-id"));
    expect(originOf(change)).toBe(originOf(first));
    expect(await reached("both", "new-id")).toEqual([`hit ${originOf(first)}`]);
  });

  it("sets no cookie, and an empty ID is none", async ({ expect }) => {
    const before = await admin.sessions("&pool=both");
    const answer = await visit("both", "");
    expect(answer.setCookies).toEqual([]);
    expect(outcomeOf(answer)).not.toBe("hit");
    await visit("both", undefined, issuing(""));
    expect(await admin.sessions("&pool=both")).toHaveLength(before.length);
  });
});

describe("learn = response with on_lost = refuse and refuse_status = 404, as MCP wants", () => {
  it("serves who has no ID, and answers 404 for one no origin issued", async ({ expect }) => {
    expect((await visit("refuse")).status).toBe(200);
    for (const origin of origins) origin.clear();
    for (const method of ["GET", "POST", "DELETE"]) {
      const answer = await visit("refuse", "made-up", "/", method);
      expect(answer.status).toBe(404);
      expect(answer.json<{ code: string }>().code).toBe("session_lost");
    }
    expect(origins.flatMap(({ requests }) => requests)).toEqual([]);
    expect(await admin.sessions("&pool=refuse")).toEqual([]);
  });

  it("answers 404 while the session's origin can't be reached, and serves it after", async ({
    expect,
  }) => {
    const first = await visit("refuse", undefined, issuing("mcp"), "POST");
    const mine = origins.find(({ name }) => name === originOf(first));
    await mine?.fail({ mode: "refuse" });
    try {
      for (const method of ["POST", "GET"]) {
        expect((await visit("refuse", "mcp", "/", method)).status).toBe(404);
      }
    } finally {
      await mine?.heal();
    }
    expect(await reached("refuse", "mcp")).toEqual([`hit ${originOf(first)}`]);
  });
});

describe("a session ID in a header, with other pins", () => {
  it("names its origin by route", async ({ expect }) => {
    for (const { name } of origins) {
      expect(await reached("route", `abc.${name}`)).toEqual([`hit ${name}`]);
    }
    expect(outcomeOf(await visit("route", "abc.aa"))).not.toBe("hit");
    expect(await admin.sessions("&pool=route")).toEqual([]);
  });

  it("is hashed, storing nothing", async ({ expect }) => {
    const seen = new Set<string | undefined>();
    for (let n = 0; n < 30; n++) {
      const first = originOf(await visit("hash", `key-${n}`));
      expect(originOf(await visit("hash", `key-${n}`))).toBe(first);
      seen.add(first);
    }
    expect(seen.size).toBe(origins.length);
    expect(await admin.sessions("&pool=hash")).toEqual([]);
  });

  it("is wrapped for the client and unwrapped for the origin, byte for byte", async ({
    expect,
  }) => {
    for (const key of ["abc", "Mixed Case; x=1, y", "~", "a~b", "z".repeat(2000)]) {
      const first = await visit("embed", undefined, issuing(key, "/status/202"), "POST");
      const wrapped = headersOf(first, "x-session-id");
      expect(wrapped).toHaveLength(1);
      expect(wrapped[0]).not.toBe(key);
      const again = await visit("embed", wrapped[0]);
      expect(seenBy(again)).toEqual([key]);
      expect(await reached("embed", wrapped[0] ?? "")).toEqual([`hit ${originOf(first)}`]);
    }
  });

  it("holds a forged wrapper void, and passes a plain value on", async ({ expect }) => {
    const first = await visit("embed", undefined, issuing("abc", "/status/202"));
    const wrapped = headerOf(first, "x-session-id") ?? "";
    for (let at = 0; at < wrapped.length; at++) {
      const other = wrapped[at] === "A" ? "B" : "A";
      const forged = wrapped.slice(0, at) + other + wrapped.slice(at + 1);
      const answer = await visit("embed", forged);
      expect(answer.status).toBe(200);
      expect(outcomeOf(answer), forged).not.toBe("hit");
    }
    const plain = await visit("embed", "plain");
    expect(outcomeOf(plain)).not.toBe("hit");
    expect(seenBy(plain)).toEqual(["plain"]);
  });
});
