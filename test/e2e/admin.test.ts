import { afterAll, beforeAll, describe, test } from "vitest";
import { headerOf } from "../kit/raw-http.ts";
import { adminToken, freshIp, rawRequest, startScene, type Row, type Scene } from "./scene.ts";

let scene: Scene;
let row: Row | undefined;

beforeAll(async () => {
  scene = await startScene({ names: ["app-1", "app-2"] });
  for (let n = 0; n < 4; n++) await scene.client().get("/");
  [row] = await scene.admin.sessions();
  for (const origin of scene.origins) origin.clear();
});

afterAll(() => scene.stop());

const routes = ["/api/sessions", "/api/pools", "/api/pools/default", "/api/sessions/ID"] as const;
const path = (route: string) => route.replace("ID", row?.id ?? "");

describe("the admin's door", () => {
  const wrong: readonly (readonly [string, string | undefined])[] = [
    ["no token", undefined],
    ["an empty one", "Bearer "],
    ["another token", "Bearer another-token-entirely"],
    ["one cut short", `Bearer ${adminToken.slice(0, -1)}`],
    ["one too long", `Bearer ${adminToken}x`],
    ["another case", `Bearer ${adminToken.toUpperCase()}`],
    ["another scheme", `Basic ${adminToken}`],
    ["no scheme", adminToken],
    ["two tokens", `Bearer ${adminToken}, Bearer ${adminToken}`],
    ["bytes above ASCII", "Bearer caf\xe9"],
  ];

  test.for(wrong)("is closed to %s: 401", async ([, authorization], { expect }) => {
    for (const route of [...routes, "/api/none", "/"]) {
      // Each from an address of its own: wrong tokens are slowed by address.
      const lines = [
        `CF-Connecting-IP: ${freshIp()}`,
        ...(authorization === undefined ? [] : [`Authorization: ${authorization}`]),
      ];
      const answer = await rawRequest(scene.url, `GET /__limpet${path(route)}`, lines);
      expect([route, answer.status]).toEqual([route, 401]);
      expect(headerOf(answer, "www-authenticate")).toMatch(/^Bearer\b/);
      expect(headerOf(answer, "cache-control")).toContain("no-store");
      expect(headerOf(answer, "content-type")).toBe("application/problem+json");
      expect(String(answer.body)).not.toMatch(/app-1|sessions/);
    }
  });

  test("is closed to a write without the token, and nothing is written", async ({ expect }) => {
    const target = `/__limpet/api/sessions/${row?.id}`;
    expect((await rawRequest(scene.url, `DELETE ${target}`)).status).toBe(401);
    expect(await scene.admin.get(`/api/sessions/${row?.id}`)).toEqual(row);
  });

  test("takes the token in the header only, never in the query or a cookie of that name", async ({
    expect,
  }) => {
    for (const query of ["token", "access_token", "authorization"]) {
      const answer = await rawRequest(scene.url, `GET /__limpet/api/pools?${query}=${adminToken}`, [
        `Cookie: ${query}=${adminToken}`,
      ]);
      expect(answer.status).toBe(401);
    }
  });

  test("opens to the scheme in any case", async ({ expect }) => {
    for (const scheme of ["bearer", "BEARER"]) {
      const answer = await rawRequest(scene.url, "GET /__limpet/api/pools", [
        `Authorization: ${scheme} ${adminToken}`,
      ]);
      expect(answer.status).toBe(200);
    }
  });
});

describe("the admin's answers", () => {
  test.for(routes)("%s is JSON that nobody may store", async (route, { expect }) => {
    const answer = await scene.admin.request(path(route));
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toMatch(/^application\/json\b/);
    expect(answer.headers.get("cache-control")).toContain("no-store");
    expect(answer.headers.get("set-cookie")).toBeNull();
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
  });

  test.for(routes)("%s refuses another method with 405 and Allow", async (route, { expect }) => {
    for (const method of ["PUT", "POST", "PROPFIND"]) {
      const answer = await scene.admin.request(path(route), { method });
      expect([method, answer.status]).toEqual([method, 405]);
      expect(answer.headers.get("allow")?.split(/, */)).toContain("GET");
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
      expect(await answer.json()).toMatchObject({ status: 405, code: "method_not_allowed" });
    }
  });

  test("Allow names exactly what the route does", async ({ expect }) => {
    const allow = async (route: string) => {
      const answer = await scene.admin.request(path(route), { method: "PUT" });
      return answer.headers
        .get("allow")
        ?.split(/, */)
        .filter((m) => m !== "HEAD")
        .sort();
    };
    expect(await allow("/api/sessions")).toEqual(["DELETE", "GET"]);
    expect(await allow("/api/sessions/ID")).toEqual(["DELETE", "GET", "PATCH"]);
    expect(await allow("/api/pools")).toEqual(["GET"]);
  });

  test("the pages refuse another method with 405 and Allow", async ({ expect }) => {
    for (const [route, allow] of [
      ["", "GET, HEAD"],
      ["/", "GET, HEAD"],
      ["/login", "GET, HEAD, POST"],
      ["/logout", "POST"],
    ] as const) {
      const answer = await scene.admin.request(route, { method: "PUT" });
      expect([route, answer.status, answer.headers.get("allow")]).toEqual([route, 405, allow]);
    }
  });

  test("the dashboard is at its path for whoever has the token, whatever they accept", async ({
    expect,
  }) => {
    for (const accept of ["*/*", "text/html", "application/json"]) {
      const answer = await scene.admin.request("/", { headers: { accept } });
      expect([accept, answer.status]).toEqual([accept, 200]);
      expect(await answer.text()).toContain("<!doctype html>");
    }
  });

  test("an unknown route is 404, never the app's", async ({ expect }) => {
    for (const route of ["/api", "/api/", "/api/session", "/api/pools/none", "/x/../y", "/%61pi"]) {
      const answer = await scene.admin.request(route);
      expect([route, answer.status]).toEqual([route, 404]);
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
      expect(answer.headers.get("cache-control")).toContain("no-store");
    }
    expect(scene.origins.flatMap((origin) => origin.requests)).toEqual([]);
  });

  test("HEAD is as GET, without a body", async ({ expect }) => {
    const answer = await scene.admin.request("/api/pools", { method: "HEAD" });
    expect([answer.status, await answer.text()]).toEqual([200, ""]);
  });

  test("a release needs a filter: without one, 400 and nothing is gone", async ({ expect }) => {
    const before = await scene.admin.sessions();
    const answer = await scene.admin.request("/api/sessions", { method: "DELETE" });
    expect(answer.status).toBe(400);
    expect(await scene.admin.sessions()).toEqual(before);
  });

  test("a release of what is not there is 404", async ({ expect }) => {
    const target = `/api/sessions/${"A".repeat(22)}`;
    expect((await scene.admin.request(target, { method: "DELETE" })).status).toBe(404);
  });
});
