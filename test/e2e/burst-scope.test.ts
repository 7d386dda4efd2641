import { afterAll, beforeAll, describe, test } from "vitest";
import type { OriginAnswer } from "../kit/origin-routes.ts";
import { freshIp, startScene, type Scene } from "./scene.ts";

let balancing: Scene;
let sticky: Scene;

beforeAll(async () => {
  const names = ["a", "b", "c"];
  [balancing, sticky] = await Promise.all([
    startScene({ names, pool: { affinity: [] } }),
    startScene({ names, pool: { affinity: ["cookie"], skip: ["/assets/*"] } }),
  ]);
});

afterAll(async () => {
  await Promise.all([balancing.stop(), sticky.stop()]);
});

/** One browser's requests, by its address and user agent: none of them has a cookie. */
function browser(scene: Scene): (path: string) => Promise<string> {
  const options = { ip: freshIp(), userAgent: "one and the same" };
  return async (path) => (await scene.client(options).get(path)).json<OriginAnswer>().origin;
}

async function inParallel(visit: (path: string) => Promise<string>, path: string): Promise<string> {
  const homes = await Promise.all(Array.from({ length: 12 }, () => visit(path)));
  return homes.sort().join("");
}

async function inSeries(visit: (path: string) => Promise<string>, path: string): Promise<string> {
  const homes: string[] = [];
  for (let n = 0; n < 12; n++) homes.push(await visit(path));
  return homes.sort().join("");
}

const EVEN = "aaaabbbbcccc";

describe.for([
  ["in a pool that only balances", () => balancing, "/"],
  ["of a path to be skipped", () => sticky, "/assets/app.js"],
] as const)("one client's requests %s", ([, scene, path]) => {
  test("are spread over all origins when they come in parallel", async ({ expect }) => {
    expect(await inParallel(browser(scene()), path)).toBe(EVEN);
  });

  test("are spread over all origins when they come in series", async ({ expect }) => {
    expect(await inSeries(browser(scene()), path)).toBe(EVEN);
  });
});

describe("with the cookie rule", () => {
  test("one client's first requests in parallel go to one origin", async ({ expect }) => {
    expect(await inParallel(browser(sticky), "/")).toMatch(/^(a{12}|b{12}|c{12})$/);
  });

  test("skipped paths neither begin such a burst nor follow it", async ({ expect }) => {
    const visit = browser(sticky);
    const asset = await visit("/assets/first.js");
    const homes = await Promise.all(Array.from({ length: 6 }, () => visit("/")));
    expect(new Set(homes).size).toBe(1);
    // Round robin: the page's turn came after the asset's.
    expect(homes[0]).not.toBe(asset);
    expect(await inParallel(visit, "/assets/app.js")).toBe(EVEN);
  });
});
