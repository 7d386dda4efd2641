import { afterAll, describe, it } from "vitest";
import { tallyOf } from "../apps/load.ts";
import { until } from "../failover-scene.ts";
import { recipeOf } from "./book.ts";
import { askedOf, clientAt, cook, originOf, outcomeOf, type Kitchen } from "./kitchen.ts";

const kitchens: Kitchen[] = [];

afterAll(() => Promise.all(kitchens.map((kitchen) => kitchen.stop())));

async function served(...given: Parameters<typeof recipeOf>): Promise<Kitchen> {
  const kitchen = await cook(recipeOf(...given));
  kitchens.push(kitchen);
  return kitchen;
}

function patch(kitchen: Kitchen, origin: string, change: unknown): Promise<Response> {
  return kitchen.admin.request(`/api/pools/app/origins/${origin}`, {
    method: "PATCH",
    body: JSON.stringify(change),
    headers: { "content-type": "application/json" },
  });
}

describe("the recipe for a canary with pinned users", () => {
  it("gives v2 a tenth of the users, who keep it over its servers and until it is taken away", async ({
    expect,
  }) => {
    const kitchen = await served("A canary with pinned users");
    const clients = Array.from({ length: 100 }, () => kitchen.client());
    const homes: string[] = [];
    for (const client of clients) homes.push(originOf(await client.get("/")));
    expect(tallyOf(homes)).toEqual({ "v1-a": 45, "v1-b": 45, "v2-a": 5, "v2-b": 5 });
    const canaries = clients.filter((_, at) => homes[at]?.startsWith("v2"));
    for (const [at, client] of clients.entries()) {
      if (at % 7 === 0) expect(originOf(await client.get("/"))).toBe(homes[at]);
    }
    await kitchen.server("v2-a").kill();
    for (const client of canaries) expect(originOf(await client.get("/"))).toBe("v2-b");
    await kitchen.server("v2-a").start();

    expect((await patch(kitchen, "v2-b", { state: "disabled" })).status).toBe(200);
    expect((await patch(kitchen, "v2-a", { state: "disabled" })).status).toBe(200);
    for (const client of canaries) expect(originOf(await client.get("/"))).toMatch(/^v1/);
  });

  it("takes new weights at once", async ({ expect }) => {
    const kitchen = await served("A canary with pinned users");
    for (const origin of ["v2-a", "v2-b"]) {
      expect((await patch(kitchen, origin, { weight: 45 })).status).toBe(200);
    }
    const homes: string[] = [];
    for (let n = 0; n < 40; n++) homes.push(originOf(await kitchen.client().get("/")));
    expect(tallyOf(homes)).toEqual({ "v1-a": 10, "v1-b": 10, "v2-a": 10, "v2-b": 10 });
  });
});

describe("the recipe for an active and a passive server", () => {
  it("goes to the passive one while the active one is down, and back", async ({ expect }) => {
    const kitchen = await served("An active and a passive server");
    const clients = Array.from({ length: 6 }, () => kitchen.client());
    for (const client of clients) expect(originOf(await client.get("/"))).toBe("active");

    await kitchen.server("active").kill();
    for (const client of clients) {
      const answer = await client.get("/");
      expect([answer.status, outcomeOf(answer), originOf(answer)]).toEqual([
        200,
        "detour; rule=cookie",
        "passive",
      ]);
    }
    const late = kitchen.client();
    expect(originOf(await late.get("/"))).toBe("passive");

    await kitchen.server("active").start();
    const [first] = clients;
    await until(
      async () => first !== undefined && originOf(await first.get("/")) === "active",
      15_000,
    );
    for (const client of clients) {
      const answer = await client.get("/");
      expect([outcomeOf(answer), originOf(answer)]).toEqual(["hit; rule=cookie", "active"]);
    }
    // Who came during the outage stays, until sent back.
    expect(originOf(await late.get("/"))).toBe("passive");
    const path = "/api/sessions?pool=pair&origin=passive";
    expect((await kitchen.admin.request(path, { method: "DELETE" })).status).toBe(200);
    expect(originOf(await late.get("/"))).toBe("active");
  });
});

describe("the recipe for Workers and private networks as origins", () => {
  it("reaches each origin through its binding, and sticks", async ({ expect }) => {
    const kitchen = await served("Workers and private networks as origins");
    for (const [path, names] of [
      ["/cart/1", ["cart-1", "cart-2"]],
      ["/bank/1", ["bank-1", "bank-2"]],
      ["/wiki", ["intra-1", "intra-2"]],
    ] as const) {
      for (const name of names) {
        const client = await clientAt(kitchen, name, path);
        for (let n = 0; n < 3; n++) {
          const answer = await client.get(path);
          expect([outcomeOf(answer), originOf(answer)]).toEqual(["hit; rule=cookie", name]);
          const { origin, headers } = askedOf(answer);
          // Both banks are reached by one certificate: there the Host tells them apart.
          const host = headers.find(([key]) => key.toLowerCase() === "host")?.[1];
          const byUrl = new URL(kitchen.server(name).url).host;
          expect(host).toBe(name.startsWith("cart") ? "app.example.com" : byUrl);
          expect(origin).toBe(name.startsWith("bank") ? "bank-1" : name);
        }
      }
    }
  });

  it("moves sessions of a binding that fails", async ({ expect }) => {
    const kitchen = await served("Workers and private networks as origins");
    const client = await clientAt(kitchen, "cart-1", "/cart/1");
    await kitchen.server("cart-1").kill();
    const moved = await client.get("/cart/1");
    expect([outcomeOf(moved), originOf(moved)]).toEqual(["moved; rule=cookie", "cart-2"]);
  });
});
