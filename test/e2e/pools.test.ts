import { afterAll, beforeAll, describe, test } from "vitest";
import type { OriginAnswer } from "../kit/origin-routes.ts";
import { headerOf, sendRaw } from "../kit/raw-http.ts";
import { startScene, type Scene } from "./scene.ts";

let scene: Scene;

beforeAll(async () => {
  scene = await startScene({
    names: ["shop", "cart", "any", "tld"],
    vars: (origins) => {
      const pool = (name: string, match?: string[]) => ({
        name,
        ...(match ? { match } : {}),
        origins: [{ url: `${origins.find((origin) => origin.name === name)?.url}/base` }],
      });
      return {
        POOLS: [
          pool("shop", ["shop.example.com/*"]),
          pool("cart", ["*.example.com/cart/*"]),
          pool("tld", ["*.example.com/*", "*/exact"]),
          pool("any"),
        ],
      };
    },
  });
});

afterAll(() => scene.stop());

async function ask(host: string, path: string) {
  const answer = await sendRaw(scene.url, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  return { answer, seen: JSON.parse(String(answer.body)) as OriginAnswer };
}

describe("the first pool that fits takes the request", () => {
  test.for([
    ["shop.example.com", "/cart/1", "shop"],
    ["SHOP.Example.COM", "/", "shop"],
    ["shop.example.com:8443", "/x", "shop"],
    ["www.example.com", "/cart/1", "cart"],
    ["a.b.example.com", "/cart/1?x", "cart"],
    ["www.example.com", "/cartoon/1", "tld"],
    ["www.example.com", "/CART/1", "tld"],
    ["www.example.com", "/?/cart/1", "tld"],
    ["example.com", "/cart/1", "any"],
    ["evil-example.com", "/cart/1", "any"],
    ["shop.example.com.evil.org", "/", "any"],
    ["else.org", "/exact", "tld"],
    ["else.org", "/exact/", "any"],
    ["else.org", "/exact?query", "tld"],
    ["else.org", "/x/../exact", "tld"],
  ] as const)("%s%s goes to %s", async ([host, path, pool], { expect }) => {
    expect((await ask(host, path)).seen.origin).toBe(pool);
  });
});

describe("an origin with a base path", () => {
  test("gets it before the client's path", async ({ expect }) => {
    for (const path of ["/", "/a%2Fb//c?x=/", "/?q"]) {
      expect((await ask("else.org", path)).seen.url).toBe(`/base${path}`);
    }
  });

  test("has its redirects mapped back without it, and others left alone", async ({ expect }) => {
    const origin = scene.origins.find(({ name }) => name === "any")?.url ?? "";
    const location = async (to: string) => {
      const path = `/redirect?to=${encodeURIComponent(to)}`;
      const request = `GET ${path} HTTP/1.1\r\nHost: else.org:81\r\n\r\n`;
      return headerOf(await sendRaw(scene.url, request), "location");
    };
    expect(await location(`${origin}/base/next?a#b`)).toBe("http://else.org:81/next?a#b");
    expect(await location(`${origin}/base`)).toMatch(/^http:\/\/else\.org:81\/?$/);
    expect(await location(`${origin}/basement/x`)).toBe(`${origin}/basement/x`);
    expect(await location(`${origin}/other`)).toBe(`${origin}/other`);
  });
});

test("a WebSocket, a POST and a HEAD are matched the same way", async ({ expect }) => {
  for (const method of ["POST", "HEAD"]) {
    const before = scene.origins[0]?.requests.length ?? 0;
    await sendRaw(
      scene.url,
      `${method} / HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: 0\r\n\r\n`,
      { method },
    );
    expect(scene.origins[0]?.requests.length).toBe(before + 1);
  }
});
