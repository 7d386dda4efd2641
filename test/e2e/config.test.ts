import { afterAll, beforeAll, describe, test } from "vitest";
import { startOrigin, type Origin } from "../kit/origins.ts";
import { headerOf, headersOf, type RawAnswer } from "../kit/raw-http.ts";
import { startRouter, type Router } from "../kit/workerd.ts";
import { Admin, adminToken, issued, rawRequest, secret } from "./scene.ts";

let origin: Origin;

beforeAll(async () => {
  origin = await startOrigin({ name: "app-1" });
});

afterAll(() => origin.stop());

type Bindings = Readonly<Record<string, unknown>>;

async function withRouter(
  vars: Bindings,
  secrets: Readonly<Record<string, string>>,
  use: (router: Router) => Promise<void>,
): Promise<void> {
  const router = await startRouter({ vars, secrets });
  try {
    await use(router);
  } finally {
    await router.stop();
  }
}

const both = { AFFINITY_SECRET: secret, ADMIN_TOKEN: adminToken };
const problem = (answer: RawAnswer) =>
  JSON.parse(String(answer.body)) as { readonly status: number; readonly code: string };

describe("a wrong configuration", () => {
  const vars = {
    ORIGINS: ["https://one.example", "not a url", "https://one.example"],
    AFFINITY: "cookei",
    EXPOSE: "everything",
  };

  test("answers 500 misconfigured without details, lists all in the log and to the admin", async ({
    expect,
  }) => {
    await withRouter(vars, both, async (router) => {
      const answer = await rawRequest(router.url, "GET /");
      expect([answer.status, problem(answer).code]).toEqual([500, "misconfigured"]);
      expect(headersOf(answer, "cache-control").join()).toContain("no-store");
      expect(headersOf(answer, "set-cookie")).toEqual([]);
      const words = /cookei|not a url|one\.example|everything|AFFINITY|ORIGINS|EXPOSE|pools/i;
      expect(JSON.stringify(answer.headers) + String(answer.body)).not.toMatch(words);
      const page = await rawRequest(router.url, "GET /", ["Accept: text/html"]);
      expect([page.status, headerOf(page, "content-type")?.split(";")[0]]).toEqual([
        500,
        "text/html",
      ]);
      expect(String(page.body)).not.toMatch(words);

      const listed = await new Admin(router.url).request("/api/sessions");
      expect(listed.status).toBe(500);
      expect(listed.headers.get("cache-control")).toContain("no-store");
      const text = await listed.text();
      for (const place of [text, router.log]) {
        for (const word of ["cookei", "not a url", "everything", "AFFINITY", "ORIGINS", "EXPOSE"]) {
          expect(place).toContain(word);
        }
      }
      // The secret itself is nobody's to read.
      expect(text + router.log).not.toContain(secret);
    });
  });

  test("lists nothing to those without the token", async ({ expect }) => {
    await withRouter(vars, both, async (router) => {
      for (const authorization of ["", "Bearer wrong-token-wrong-token", `Basic ${adminToken}`]) {
        const answer = await new Admin(router.url).request("/api/sessions", {
          headers: { authorization },
        });
        expect(answer.status).toBe(401);
        expect(await answer.text()).not.toMatch(/cookei|not a url|everything/);
      }
    });
  });

  const bad: readonly (readonly [string, Bindings, Readonly<Record<string, string>>])[] = [
    ["nothing at all", {}, {}],
    ["no origins", { ORIGINS: [] }, both],
    ["no secret", { ORIGINS: ["https://a.example"] }, { ADMIN_TOKEN: adminToken }],
    ["a short secret", { ORIGINS: ["https://a.example"] }, { AFFINITY_SECRET: "x".repeat(31) }],
    [
      "a short old secret",
      { ORIGINS: ["https://a.example"] },
      { AFFINITY_SECRET: `${secret},short` },
    ],
    [
      "a short admin token",
      { ORIGINS: ["https://a.example"] },
      { ...both, ADMIN_TOKEN: "x".repeat(15) },
    ],
    ["origins that are no list", { ORIGINS: { a: "https://a.example" } }, both],
    ["origins of another scheme", { ORIGINS: ["ftp://a.example"] }, both],
    ["credentials in a URL", { ORIGINS: ["https://user:pass@a.example"] }, both],
    ["a query in a URL", { ORIGINS: ["https://a.example/?x=1"] }, both],
    ["a null origin", { ORIGINS: [null] }, both],
    ["both forms", { ORIGINS: ["https://a.example"], POOLS: [] }, both],
    [
      "an unknown field",
      { POOLS: [{ name: "a", origins: [{ url: "https://a.example" }], colour: "red" }] },
      both,
    ],
    [
      "a prototype for a field",
      { POOLS: [{ name: "a", origins: [{ url: "https://a.example" }], constructor: 1 }] },
      both,
    ],
    ["a pool of no origin", { POOLS: [{ name: "a", origins: [] }] }, both],
    ["a binding that is missing", { POOLS: [{ name: "a", origins: [{ binding: "NOPE" }] }] }, both],
    ["an admin path that is no path", { ORIGINS: ["https://a.example"], ADMIN_PATH: "x" }, both],
    [
      "two pools of one name",
      {
        POOLS: ["a", "a"].map((name) => ({ name, origins: [{ url: "https://a.example" }] })),
      },
      both,
    ],
    [
      "a lease longer than half the idle time",
      {
        POOLS: [
          {
            name: "a",
            origins: [{ url: "https://a.example" }],
            sessions: { idle: "60s", lease: "31s" },
          },
        ],
      },
      both,
    ],
  ];

  test.for(bad)("%s is refused", async ([, vars, secrets], { expect }) => {
    await withRouter(vars, secrets, async (router) => {
      const answer = await rawRequest(router.url, "GET /");
      expect([answer.status, problem(answer).code]).toEqual([500, "misconfigured"]);
      // The log comes by a pipe of its own, maybe after the answer.
      await expect.poll(() => router.log).toMatch(/"path":|expected/);
    });
  });
});

describe("a right one", () => {
  test("needs no more than origins and a secret; then there is no admin at all", async ({
    expect,
  }) => {
    const vars = { ORIGINS: [origin.url] };
    await withRouter(vars, { AFFINITY_SECRET: secret }, async (router) => {
      const answer = await rawRequest(router.url, "GET /");
      expect([answer.status, typeof issued(answer)]).toEqual([200, "string"]);
      const before = origin.requests.length;
      for (const path of ["/", "/api/sessions", "/api/pools", "/metrics", "", "/api/sessions/x"]) {
        for (const method of ["GET", "DELETE", "POST"]) {
          const refused = await new Admin(router.url).request(path, { method });
          expect([path, method, refused.status]).toEqual([path, method, 404]);
        }
      }
      // 404, and not the app's page at that path.
      expect(origin.requests.length).toBe(before);
    });
  });

  test("has its admin where ADMIN_PATH says, and the app's own path is free", async ({
    expect,
  }) => {
    await withRouter({ ORIGINS: [origin.url], ADMIN_PATH: "/ops/limpet" }, both, async (router) => {
      const lines = [`Authorization: Bearer ${adminToken}`];
      const there = await rawRequest(router.url, "GET /ops/limpet/api/pools", lines);
      expect([there.status, String(there.body).includes("pools")]).toEqual([200, true]);
      for (const path of ["/__limpet/api/pools", "/ops/limpets", "/ops/limpet2/api/pools"]) {
        const app = JSON.parse(String((await rawRequest(router.url, `GET ${path}`)).body));
        expect(app).toMatchObject({ origin: "app-1", url: path });
      }
    });
  });

  test("names the status of every answer when EXPOSE asks for it", async ({ expect }) => {
    await withRouter({ ORIGINS: [origin.url], EXPOSE: "status" }, both, async (router) => {
      const answer = await rawRequest(router.url, "GET /");
      const status = headersOf(answer, "affinity-status");
      expect(status).toHaveLength(1);
      expect(status[0]).toMatch(/^limpet; new; rule=cookie; origin="[^"]+"$/);
      const again = await rawRequest(router.url, "GET /", [`Cookie: affinity=${issued(answer)}`]);
      expect(headerOf(again, "affinity-status")).toBe(status[0]?.replace("new", "hit"));
      const forged = await rawRequest(router.url, "GET /", ["Cookie: affinity=forged"]);
      expect(headerOf(forged, "affinity-status")).toMatch(/^limpet; invalid\b/);
    });
  });
});
