import { afterAll, beforeAll, describe, test } from "vitest";
import type { OriginAnswer } from "../kit/origin-routes.ts";
import { startScene, type Scene } from "./scene.ts";

let even: Scene;
let weighted: Scene;

beforeAll(async () => {
  even = await startScene({ names: ["a", "b", "c"] });
  weighted = await startScene({
    names: ["a", "b", "c", "d"],
    vars: (origins) => ({
      POOLS: [
        {
          name: "default",
          origins: origins.map(({ name, url }, at) => ({ name, url, weight: [5, 1, 1, 0][at] })),
        },
      ],
    }),
  });
});

afterAll(async () => {
  await Promise.all([even.stop(), weighted.stop()]);
});

/** Where so many new clients went, one after the other. */
async function arrivals(scene: Scene, count: number): Promise<string> {
  let homes = "";
  for (let n = 0; n < count; n++) {
    homes += (await scene.client().get("/")).json<OriginAnswer>().origin;
  }
  return homes;
}

const tally = (homes: string) =>
  Object.fromEntries(
    [...new Set(homes)].sort().map((name) => [name, homes.split(name).length - 1]),
  );

describe("round robin", () => {
  test("gives every origin its turn, none twice in a row", async ({ expect }) => {
    const homes = await arrivals(even, 30);
    expect(tally(homes)).toEqual({ a: 10, b: 10, c: 10 });
    expect(homes).toBe(homes.slice(0, 3).repeat(10));
  });

  test("shares by weight exactly, smoothly, and gives weight 0 nothing", async ({ expect }) => {
    const homes = await arrivals(weighted, 28);
    expect(tally(homes)).toEqual({ a: 20, b: 4, c: 4 });
    // nginx's smooth order for 5:1:1, from wherever it starts: b and c are never neighbours.
    expect("aabacaa".repeat(6)).toContain(homes);
  });

  test("is not stirred by those who are pinned already", async ({ expect }) => {
    const pinned = even.client();
    await pinned.get("/");
    let homes = "";
    for (let n = 0; n < 12; n++) {
      homes += (await even.client().get("/")).json<OriginAnswer>().origin;
      await pinned.get("/");
    }
    expect(tally(homes)).toEqual({ a: 4, b: 4, c: 4 });
  });

  test("tells clients of one address apart by their user agent", async ({ expect }) => {
    let homes = "";
    for (let n = 0; n < 6; n++) {
      const client = even.client({ ip: "192.0.2.1", userAgent: `agent ${n}` });
      homes += (await client.get("/")).json<OriginAnswer>().origin;
    }
    expect(tally(homes)).toEqual({ a: 2, b: 2, c: 2 });
  });

  test("starts anywhere, so that many isolates do not all begin with the first", async ({
    expect,
  }) => {
    const starts = new Set<string>();
    for (let n = 0; n < 12 && starts.size < 2; n++) {
      await even.router.restart();
      starts.add(await arrivals(even, 1));
    }
    // 12 equal starts by chance: 3 to the power of -11.
    expect(starts.size).toBe(2);
  });
});
