import { afterAll, describe, it } from "vitest";
import { headerOf } from "../../kit/raw-http.ts";
import { recipeOf } from "./book.ts";
import { askedOf, clientAt, cook, originOf, outcomeOf, type Kitchen } from "./kitchen.ts";

const kitchens: Kitchen[] = [];

afterAll(() => Promise.all(kitchens.map((kitchen) => kitchen.stop())));

async function served(...given: Parameters<typeof recipeOf>): Promise<Kitchen> {
  const kitchen = await cook(recipeOf(...given));
  kitchens.push(kitchen);
  return kitchen;
}

const tenants = Array.from({ length: 40 }, (_, n) => `tenant-${n}`);

/** Which origin serves each tenant; throws when two strangers get different ones. */
async function homesOf(kitchen: Kitchen): Promise<Map<string, string>> {
  const homes = new Map<string, string>();
  for (const tenant of tenants) {
    const path = `/t/${tenant}/board`;
    const seen = [await kitchen.client().get(path), await kitchen.client().post(path, "x")];
    const [one = "", other] = seen.map(originOf);
    if (one !== other) throw new Error(`${tenant} is on ${one} and on ${other}`);
    homes.set(tenant, one);
  }
  return homes;
}

describe("the recipe for tenants by path", () => {
  it("keeps a tenant's clients together, moves few to a new server, and lends those of a dead one out", async ({
    expect,
  }) => {
    const kitchen = await served("Tenants by path");
    const before = await homesOf(kitchen);
    expect(new Set(before.values())).toEqual(new Set(["app-1", "app-2", "app-3"]));

    const [pool] = kitchen.vars.POOLS ?? [];
    const fourth = { name: "app-4", url: kitchen.server("app-1").url };
    const grown = { ...pool, origins: [...(pool?.origins ?? []), fourth] };
    await kitchen.router.restart({ vars: { POOLS: [grown], EXPOSE: "status" } });
    const after = await homesOf(kitchen);
    const moved = tenants.filter((tenant) => after.get(tenant) !== before.get(tenant));
    expect(new Set(moved.map((tenant) => after.get(tenant)))).toEqual(new Set(["app-4"]));
    expect(moved.length).toBeGreaterThan(3);
    expect(moved.length).toBeLessThan(20);

    await kitchen.server("app-2").kill();
    // A GET is tried elsewhere until the router knows that the server is down.
    for (const tenant of tenants) await kitchen.client().get(`/t/${tenant}/`);
    const during = await homesOf(kitchen);
    for (const [tenant, home] of after) {
      if (home === "app-2") expect(during.get(tenant)).not.toBe("app-2");
      else expect(during.get(tenant)).toBe(home);
    }
  });
});

describe("the recipe for API clients without cookies", () => {
  it("sticks by key, else by address, and repeats a POST only if it has an Idempotency-Key", async ({
    expect,
  }) => {
    const kitchen = await served("API clients without cookies");
    const call = (key: string, method = "GET", headers: Record<string, string> = {}) =>
      // From another address each time.
      kitchen.client().request("/v1", { method, headers: { "x-api-key": key, ...headers } });
    const homes = new Map<string, string>();
    for (let n = 0; n < 12; n++) {
      const first = await call(`k-${n}`);
      expect([outcomeOf(first), first.setCookies]).toEqual(["new; rule=header", []]);
      homes.set(`k-${n}`, originOf(first));
      for (let again = 0; again < 3; again++) {
        const next = await call(`k-${n}`);
        expect([outcomeOf(next), originOf(next)]).toEqual(["hit; rule=header", originOf(first)]);
      }
    }
    expect(new Set(homes.values()).size).toBe(3);
    const byAddress = kitchen.client();
    const [one, other] = [await byAddress.get("/v1"), await byAddress.get("/v1")];
    expect([outcomeOf(other), originOf(other)]).toEqual(["hit; rule=ip", originOf(one)]);

    await kitchen.server("api-1").kill();
    const [first = "", second = ""] = [...homes.keys()].filter((key) => homes.get(key) === "api-1");
    expect((await call(first, "POST", { "content-length": "0" })).status).toBe(502);
    const repeated = await call(first, "POST", { "content-length": "0", "idempotency-key": "1" });
    expect([repeated.status, outcomeOf(repeated)]).toEqual([200, "moved; rule=header"]);
    const moved = await call(second);
    expect(moved.status).toBe(200);
    await kitchen.server("api-1").start();
    expect(originOf(await call(second))).toBe(originOf(moved));
    expect(originOf(await call(first))).toBe(originOf(repeated));
  });
});

describe("the recipe without a consent banner", () => {
  it("sets a cookie that ends with the browser session", async ({ expect }) => {
    const kitchen = await served("Without a consent banner");
    const visitor = kitchen.client();
    const first = await visitor.get("/");
    const [line = ""] = first.setCookies;
    expect(line).toMatch(/^__Host-affinity=[^;]+;/);
    expect(line).not.toMatch(/max-age|expires/i);
    for (let n = 0; n < 4; n++) {
      const next = await visitor.get("/");
      expect([originOf(next), next.setCookies]).toEqual([originOf(first), []]);
    }
  });

  it("sets none by address, and keeps an IPv6 network together", async ({ expect }) => {
    const kitchen = await served("Without a consent banner", 1);
    const home = originOf(await kitchen.client({ ip: "2001:db8:1:2::1" }).get("/"));
    for (let n = 2; n < 8; n++) {
      const next = await kitchen.client({ ip: `2001:db8:1:2:${n}::${n}` }).get("/");
      expect([outcomeOf(next), originOf(next), next.setCookies]).toEqual([
        "hit; rule=ip",
        home,
        [],
      ]);
    }
    // Addresses are kept as HMACs.
    expect(JSON.stringify(await kitchen.admin.sessions())).not.toContain("2001");
  });
});

describe("the recipe for a frame of another site", () => {
  it("sets a partitioned cookie, and a new one when the origin has died", async ({ expect }) => {
    const kitchen = await served("In a frame of another site");
    const attributes = (line = ""): string[] => line.split("; ").slice(1).toSorted();
    const framed = await clientAt(kitchen, "widget-1");
    await kitchen.server("widget-1").kill();
    const moved = await framed.get("/");
    for (const { setCookies } of [await kitchen.client().get("/"), moved]) {
      expect(setCookies[0]).toMatch(/^__Host-affinity-widget=/);
      expect(attributes(setCookies[0])).toEqual(
        ["HttpOnly", "Partitioned", "Path=/", "SameSite=None", "Secure"].toSorted(),
      );
    }
    const later = await framed.get("/");
    expect([outcomeOf(later), originOf(later)]).toEqual(["hit; rule=cookie", "widget-2"]);
  });
});

describe("the recipe without storage", () => {
  it("sticks and moves by the cookie alone", async ({ expect }) => {
    const kitchen = await served("Without storage");
    const visitor = await clientAt(kitchen, "www-3");
    for (let n = 0; n < 4; n++) {
      const next = await visitor.get("/");
      expect([outcomeOf(next), askedOf(next).origin]).toEqual(["hit; rule=cookie", "www-3"]);
    }
    expect(await kitchen.admin.sessions("&pool=www")).toEqual([]);
    await kitchen.server("www-3").kill();
    const moved = await visitor.get("/");
    expect(outcomeOf(moved)).toBe("moved; rule=cookie");
    await kitchen.server("www-3").start();
    expect(originOf(await visitor.get("/"))).toBe(originOf(moved));
    expect(headerOf(moved, "set-cookie")).toMatch(/^__Host-affinity-www=/);
  });
});
