import { afterAll, beforeAll, describe, test } from "vitest";
import type { OriginAnswer } from "../kit/origin-routes.ts";
import { headersOf } from "../kit/raw-http.ts";
import { freshIp, issued, poolOf, rawRequest, startScene, type Scene } from "./scene.ts";

let scene: Scene;

beforeAll(async () => {
  const rule = (cookie: object) => ({ affinity: [{ by: "cookie", cookie }] });
  const pools = [
    { name: "shop", match: ["*/shop/*"], ...rule({ lifetime: "permanent", path: "/shop" }) },
    { name: "wide", match: ["*/wide/*"], ...rule({ domain: "example.com", same_site: "None" }) },
    { name: "part", match: ["*/part/*"], ...rule({ partitioned: true, name: "mine" }) },
    { name: "strict", ...rule({ same_site: "Strict", secure: true }) },
  ];
  scene = await startScene({
    protoHeader: "x-test-proto",
    vars: (origins) => ({
      POOLS: pools.map((pool) =>
        poolOf(origins, { sessions: { ttl: "1h", idle: "10m" }, ...pool }),
      ),
    }),
  });
});

afterAll(() => scene.stop());

const lines = (proto: string) => [`X-Test-Proto: ${proto}`, `CF-Connecting-IP: ${freshIp()}`];

describe("the cookie of a rule with settings of its own", () => {
  test.for([
    [
      "/shop/",
      "__Secure-affinity-shop",
      "HttpOnly; Max-Age=3600; Path=/shop; SameSite=Lax; Secure",
    ],
    [
      "/wide/",
      "__Secure-affinity-wide",
      "Domain=example.com; HttpOnly; Path=/; SameSite=None; Secure",
    ],
    ["/part/", "mine", "HttpOnly; Partitioned; Path=/; SameSite=None; Secure"],
    ["/", "__Host-affinity-strict", "HttpOnly; Path=/; SameSite=Strict; Secure"],
  ] as const)("of %s is %s", async ([path, name, attributes], { expect }) => {
    const answer = await rawRequest(scene.url, `GET ${path}`, lines("https"));
    const cookies = headersOf(answer, "set-cookie");
    expect(cookies).toHaveLength(1);
    expect(cookies[0]).toMatch(new RegExp(`^${name}=`));
    expect(cookies[0]?.split("; ").slice(1).sort().join("; ")).toBe(attributes);
  });

  test.for([
    ["/shop/", "affinity-shop", false],
    ["/wide/", "affinity-wide", true],
    ["/part/", "mine", true],
    ["/", "affinity-strict", true],
  ] as const)("over http, %s is %s, and Secure: %s", async ([path, name, secure], { expect }) => {
    const [line] = headersOf(
      await rawRequest(scene.url, `GET ${path}`, lines("http")),
      "set-cookie",
    );
    expect(line).toMatch(new RegExp(`^(__Secure-|__Host-)?${name}=`));
    expect(line?.split("; ").includes("Secure")).toBe(secure);
    // A browser drops a prefixed cookie that is not Secure.
    if (!secure) expect(line).not.toMatch(/^__/);
  });

  test("counts in its own pool only, whatever name it comes by", async ({ expect }) => {
    const shop = issued(
      await rawRequest(scene.url, "GET /shop/", lines("https")),
      "__Secure-affinity-shop",
    );
    const answer = await rawRequest(scene.url, "GET /part/", [
      ...lines("https"),
      `Cookie: mine=${shop}`,
    ]);
    expect(answer.status).toBe(200);
    expect(issued(answer, "mine")).toMatch(/^[\w-]+$/);
  });

  test("of one pool never renames or ends that of another", async ({ expect }) => {
    const shop = await rawRequest(scene.url, "GET /shop/", lines("https"));
    const name = "__Secure-affinity-shop";
    const cookie = `Cookie: ${name}=${issued(shop, name)}`;
    const part = await rawRequest(scene.url, "GET /part/", [...lines("https"), cookie]);
    expect(headersOf(part, "set-cookie").map((line) => line.split("=")[0])).toEqual(["mine"]);
    const again = await rawRequest(scene.url, "GET /shop/", [...lines("https"), cookie]);
    const origin = (answer: typeof shop) =>
      (JSON.parse(String(answer.body)) as OriginAnswer).origin;
    expect([origin(again), headersOf(again, "set-cookie")]).toEqual([origin(shop), []]);
  });
});
