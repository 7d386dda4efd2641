import { afterAll, beforeAll, describe, it } from "vitest";
import type { ShopAnswer } from "../../kit/apps/express-shop.ts";
import { Client } from "../../kit/jar.ts";
import { freshIp } from "../scene.ts";
import { inParallel, mustBe, Tally, tallyOf } from "./load.ts";
import { startStage, type Stage } from "./stage.ts";

let stage: Stage;

beforeAll(async () => {
  stage = await startStage("express-shop", { affinity: ["app-cookie:connect.sid"] });
});

afterAll(() => stage?.stop());

/** Somebody who shops: knows who they are, where they are served, and what must be in the cart. */
class Shopper {
  readonly client = new Client(stage.router.url, { ip: freshIp() });
  instance = "";
  items = 0;
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  async login(): Promise<void> {
    const answer = await this.client.post(`/login/${this.name}`, "");
    mustBe("login", answer.status, 200);
    this.instance = answer.json<ShopAnswer>().instance;
    this.items = 0;
  }

  /** Puts an item into the cart; throws unless the cart then holds exactly what was put there. */
  async add(): Promise<void> {
    const answer = await this.client.post("/cart", "");
    mustBe(`${this.name} on ${this.instance}`, answer.status, 200);
    const { user, items, instance } = answer.json<ShopAnswer>();
    this.items += 1;
    mustBe("user", user, this.name);
    mustBe("items", items, this.items);
    mustBe("instance", instance, this.instance);
  }
}

let shoppers: Shopper[] = [];

describe("express-session with a MemoryStore on three instances", () => {
  it("loses no session over 1,000 operations of 40 users at once", async ({ expect }) => {
    const tally = new Tally();
    shoppers = Array.from({ length: 40 }, (_, n) => new Shopper(`user-${n}`));
    await inParallel(shoppers, 12, async (shopper) => {
      await tally.count(() => shopper.login());
      for (let n = 0; n < 24; n++) await tally.count(() => shopper.add());
    });
    expect(tally.failures).toEqual([]);
    expect(tally.operations).toBe(1000);
    const spread = tallyOf(shoppers.map(({ instance }) => instance));
    expect(Object.values(spread).toSorted()).toEqual([13, 13, 14]);
    // Signed and URL-encoded, as express-session writes it; and the only cookie that there is.
    for (const { client } of shoppers) {
      expect([...client.cookies.keys()]).toEqual(["connect.sid"]);
      expect(client.cookies.get("connect.sid")).toMatch(/^s%3A/);
    }
  });

  it("follows a session to its new ID at a second login", async ({ expect }) => {
    const shopper = new Shopper("twice");
    await shopper.login();
    const { instance } = shopper;
    const before = shopper.client.cookies.get("connect.sid");
    for (let n = 0; n < 6; n++) {
      await shopper.login();
      await shopper.add();
      expect(shopper.instance).toBe(instance);
    }
    expect(shopper.client.cookies.get("connect.sid")).not.toBe(before);
  });

  it("forgets the pin at logout", async ({ expect }) => {
    const shopper = new Shopper("gone");
    await shopper.login();
    const sid = shopper.client.cookies.get("connect.sid") ?? "";
    await shopper.client.post("/logout", "");
    expect(shopper.client.cookies.size).toBe(0);
    // A client that goes on sending the ended ID is balanced like anybody.
    const seen: string[] = [];
    for (let n = 0; n < 6; n++) {
      const client = new Client(stage.router.url, { ip: freshIp() });
      client.setCookie("connect.sid", sid);
      seen.push((await client.get("/")).json<ShopAnswer>().instance);
    }
    expect(tallyOf(seen)).toEqual({ "app-1": 2, "app-2": 2, "app-3": 2 });
  });

  it("lets the users of a killed instance log in again, and nobody else notices", async ({
    expect,
  }) => {
    const dead = stage.instance("app-1");
    const lost = shoppers.filter(({ instance }) => instance === dead.name);
    const others = shoppers.filter(({ instance }) => instance !== dead.name);
    const undisturbed = new Tally();
    const recovered = new Tally();
    const add10 = async (shopper: Shopper, tally: Tally): Promise<void> => {
      for (let n = 0; n < 10; n++) await tally.count(() => shopper.add());
    };
    await Promise.all([
      inParallel(others, 8, (shopper) => add10(shopper, undisturbed)),
      dead.kill().then(() =>
        inParallel(lost, 4, async (shopper) => {
          await recovered.count(async () => {
            // The page says that the session is gone (no gateway error), so the user logs in again.
            mustBe("the cart", (await shopper.client.get("/cart")).status, 401);
            await shopper.login();
          });
          await add10(shopper, recovered);
        }),
      ),
    ]);
    expect(undisturbed.failures).toEqual([]);
    expect(undisturbed.operations).toBe(others.length * 10);
    expect(recovered.failures).toEqual([]);
    expect(recovered.operations).toBe(lost.length * 11);
    expect(lost.map(({ instance }) => instance)).not.toContain(dead.name);
    // The instance comes back without memory: nobody is sent to it whose session is elsewhere.
    await dead.start();
    const later = new Tally();
    await inParallel(shoppers, 8, (shopper) => later.count(() => shopper.add()));
    expect(later.failures).toEqual([]);
  });
});
