import { afterAll, beforeAll, describe, test } from "vitest";
import type { OriginAnswer } from "../kit/origin-routes.ts";
import { headersOf, sendRaw, type RawAnswer } from "../kit/raw-http.ts";
import { poolOf, rawRequest, startScene, type Scene } from "./scene.ts";

let scene: Scene;

beforeAll(async () => {
  scene = await startScene({
    names: ["admin", "shop", "rest"],
    vars: ([admin, shop, rest]) => {
      if (!admin || !shop || !rest) throw new Error("the scene has three origins");
      return {
        POOLS: [
          poolOf([admin], { name: "admin", match: ["*/admin*"] }),
          poolOf([shop], { name: "shop", match: ["shop.test/*"] }),
          poolOf([rest]),
        ],
      };
    },
  });
});

afterAll(() => scene.stop());

const parse = (answer: RawAnswer) => JSON.parse(String(answer.body)) as OriginAnswer;
const reached = () => scene.origins.flatMap((origin) => origin.requests).length;

describe("the path that rules match is the path that the origin gets", () => {
  test.for([
    "/admin",
    "/x/../admin",
    "/x/%2e%2E/admin",
    "/./admin",
    "//admin",
    "/admin/../x",
    "/admin/..",
    "/x#/../admin",
    "/x?/../admin",
    "/x%2f..%2fadmin",
    "/x%5c..%5cadmin",
    "/\\admin",
    "/x\\..\\admin",
    "/..;/admin",
    "/;/admin",
    "/%61dmin",
    "/ADMIN",
    "/admin%",
    "/%/../admin",
    "/%zz/../admin",
    "/x/.%2e/.%2e/admin",
    "/.../admin",
    "/http://shop.test/admin",
  ])("%s", async (target, { expect }) => {
    const { origin, url } = parse(await rawRequest(scene.url, `GET ${target}`));
    expect([url, origin]).toEqual([url, url.startsWith("/admin") ? "admin" : "rest"]);
  });
});

describe("where a request goes", () => {
  const lies = [
    "X-Forwarded-Host: shop.test",
    "X-Host: shop.test",
    "X-Original-Host: shop.test",
    "Forwarded: host=shop.test",
    "X-Original-URL: /admin",
    "X-Rewrite-URL: /admin",
    "X-Forwarded-Proto: https",
    "X-HTTP-Method-Override: CONNECT",
  ];

  test("is not changed by what a client says of hosts and paths in other headers", async ({
    expect,
  }) => {
    const { origin, url, headers } = parse(await rawRequest(scene.url, "GET /x", lies));
    expect([origin, url]).toEqual(["rest", "/x"]);
    expect(headersOf({ headers }, "x-forwarded-host")).toEqual([new URL(scene.url).host]);
    const rest = scene.origins.find(({ name }) => name === "rest");
    expect(headersOf({ headers }, "host")).toEqual([new URL(rest?.url ?? "").host]);
  });

  test("is decided by one Host alone, and never leaves the configured origins", async ({
    expect,
  }) => {
    const to = async (start: string, host: string) => {
      const answer = await sendRaw(scene.url, `${start} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      return answer.status === 200 ? parse(answer).origin : answer.status;
    };
    expect(await to("GET /x", "shop.test")).toBe("shop");
    expect(await to("GET /x", "SHOP.TEST:8080")).toBe("shop");
    expect(await to("GET /x", "shop.test.evil.example")).toBe("rest");
    expect(await to("GET /x", "evil.example")).toBe("rest");
    expect(await to("GET /x", "user@shop.test")).toBe(400);
    expect(await to("GET /x", "shop.test, evil.example")).toBe(400);
    // RFC 9112 §3.2.2: the runtime keeps the Host line and takes the path.
    expect(await to("GET http://shop.test/x", "evil.example")).toBe("rest");
  });

  test("two Host lines, and CONNECT, reach no origin at all", async ({ expect }) => {
    const before = reached();
    const two = await sendRaw(
      scene.url,
      "GET / HTTP/1.1\r\nHost: shop.test\r\nHost: evil.example\r\n\r\n",
    );
    expect(two.status).toBeGreaterThanOrEqual(400);
    for (const target of ["shop.test:443", "/", "127.0.0.1:1"]) {
      const answer = await rawRequest(scene.url, `CONNECT ${target}`);
      expect(answer.status).toBeGreaterThanOrEqual(400);
    }
    expect(reached()).toBe(before);
  });
});
