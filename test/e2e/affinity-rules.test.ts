import { afterAll, beforeAll, describe, it } from "vitest";
import { Client, type ClientAnswer } from "../kit/jar.ts";
import { startOrigin, type Origin } from "../kit/origins.ts";
import { headerOf } from "../kit/raw-http.ts";
import { startRouter, type Router } from "../kit/workerd.ts";
import { Admin, adminToken, freshIp, poolOf, secret } from "./scene.ts";

let origins: readonly Origin[];
let router: Router;
let admin: Admin;

beforeAll(async () => {
  origins = await Promise.all(
    ["a", "b", "c", "d", "e"].map((name) =>
      startOrigin({
        name,
        handler: (_, response) => (response.setHeader("x-origin", name), false),
      }),
    ),
  );
  const pool = (name: string, ...affinity: unknown[]) =>
    poolOf(origins, { name, match: [`${name}.test/*`], affinity });
  router = await startRouter({
    secrets: { AFFINITY_SECRET: secret, ADMIN_TOKEN: adminToken },
    vars: {
      EXPOSE: "status",
      POOLS: [
        pool("engine", "query:sid", "ip"),
        pool("learned", "app-cookie:SID", "cookie"),
        pool("two-keys", "header:X-Key", "query:sid"),
        pool("three", "header:X-Key", "query:sid", "cookie"),
        pool("routed", { by: "app-cookie", name: "SID", pin: "route" }, "cookie"),
        pool("hashed", "query:sid", { by: "ip", pin: "hash" }),
        pool("none"),
      ],
    },
  });
  admin = new Admin(router.url);
});

afterAll(async () => {
  await router?.stop();
  await Promise.all((origins ?? []).map((origin) => origin.stop()));
});

const client = (pool: string, ip = freshIp()): Client =>
  new Client(router.url, { ip, headers: { host: `${pool}.test` } });
const originOf = (answer: ClientAnswer): string | undefined => headerOf(answer, "x-origin");
const outcomeOf = (answer: ClientAnswer): string | undefined =>
  headerOf(answer, "affinity-status")?.split(";")[1]?.trim();
const ruleOf = (answer: ClientAnswer): string | undefined =>
  /; rule=([^;]+)/.exec(headerOf(answer, "affinity-status") ?? "")?.[1];
const verdict = (answer: ClientAnswer): string => `${outcomeOf(answer)} ${originOf(answer)}`;
const sessions = (pool: string) => admin.sessions(`&pool=${pool}`);

/** A pin of its own for a key, at another origin than `not`. */
async function pinElsewhere(
  pool: string,
  not: string | undefined,
  show: (client: Client, n: number) => Promise<ClientAnswer>,
): Promise<[number, string | undefined]> {
  for (let n = 0; n < 50; n++) {
    const answer = await show(client(pool), n);
    if (originOf(answer) !== not) return [n, originOf(answer)];
  }
  throw new Error("everything went to one origin");
}

describe("[query sid, ip], as Engine.IO needs", () => {
  it("hands shake by address, stores the sid with the first poll, then follows the sid anywhere", async ({
    expect,
  }) => {
    const home = freshIp();
    const handshake = await client("engine", home).get("/socket.io/?EIO=4&transport=polling");
    expect(outcomeOf(handshake)).toBe("new");
    const poll = await client("engine", home).get("/socket.io/?EIO=4&sid=roam");
    expect(verdict(poll)).toBe(`hit ${originOf(handshake)}`);
    expect(ruleOf(poll)).toBe("ip");
    for (let n = 0; n < 6; n++) {
      const roamed = await client("engine").get("/socket.io/?EIO=4&sid=roam");
      expect(verdict(roamed)).toBe(`hit ${originOf(handshake)}`);
      expect(ruleOf(roamed)).toBe("query");
    }
    const socket = await client("engine").webSocket(
      "/socket.io/?EIO=4&transport=websocket&sid=roam",
    );
    const told = new Promise((resolve) => socket.once("message", (data) => resolve(String(data))));
    socket.send("whoami");
    expect(await told).toBe(originOf(handshake));
    socket.terminate();
  });

  it("pins an address that first appears with a known sid to the sid's origin", async ({
    expect,
  }) => {
    const first = await client("engine").get("/?sid=known");
    const away = freshIp();
    await client("engine", away).get("/?sid=known");
    expect(verdict(await client("engine", away).get("/"))).toBe(`hit ${originOf(first)}`);
  });

  it("lets the sid win over an address that is pinned elsewhere, and moves neither", async ({
    expect,
  }) => {
    const mine = freshIp();
    const byIp = await client("engine", mine).get("/");
    const [n, other] = await pinElsewhere("engine", originOf(byIp), (client, n) =>
      client.get(`/?sid=other-${n}`),
    );
    for (let twice = 0; twice < 2; twice++) {
      const both = await client("engine", mine).get(`/?sid=other-${n}`);
      expect(verdict(both)).toBe(`hit ${other}`);
      expect(verdict(await client("engine", mine).get("/"))).toBe(`hit ${originOf(byIp)}`);
    }
  });
});

describe("ordered rules", () => {
  it("fall back to our cookie until the app issues its own, which then counts alone", async ({
    expect,
  }) => {
    const browser = client("learned");
    const first = await browser.get("/");
    expect(first.setCookies).toHaveLength(1);
    const login = await browser.get(`/?cookie=${encodeURIComponent("SID=abc; Path=/")}`);
    expect(verdict(login)).toBe(`hit ${originOf(first)}`);
    const elsewhere = await client("learned").get("/", { cookie: "SID=abc" });
    expect(verdict(elsewhere)).toBe(`hit ${originOf(first)}`);
    expect(ruleOf(elsewhere)).toBe("app-cookie");
    expect(elsewhere.setCookies).toHaveLength(1);
    expect(elsewhere.setCookies[0]).toMatch(/^affinity-learned=/);
  });

  it("keep one pin in every place that can hold it", async ({ expect }) => {
    const browser = client("three");
    const first = await browser.get("/?sid=s1", { "x-key": "k1" });
    const at = `hit ${originOf(first)}`;
    expect(verdict(await client("three").get("/", { "x-key": "k1" }))).toBe(at);
    expect(verdict(await client("three").get("/?sid=s1"))).toBe(at);
    expect(verdict(await browser.get("/"))).toBe(at);
    const rows = (await sessions("three")).filter(({ origin }) => origin === originOf(first));
    expect(rows.map(({ by }) => by)).toEqual(expect.arrayContaining(["cookie", "header", "query"]));
  });

  it("store a first rule's new key with a later rule's pin", async ({ expect }) => {
    const first = await client("two-keys").get("/?sid=later");
    const both = await client("two-keys").get("/?sid=later", { "x-key": "fresh" });
    expect(verdict(both)).toBe(`hit ${originOf(first)}`);
    expect(ruleOf(both)).toBe("query");
    const alone = await client("two-keys").get("/", { "x-key": "fresh" });
    expect(verdict(alone)).toBe(`hit ${originOf(first)}`);
  });

  it("let the first that has a pin win, and leave the pin of the other alone", async ({
    expect,
  }) => {
    const byKey = await client("two-keys").get("/", { "x-key": "first" });
    const [n, other] = await pinElsewhere("two-keys", originOf(byKey), (client, n) =>
      client.get(`/?sid=second-${n}`),
    );
    const both = await client("two-keys").get(`/?sid=second-${n}`, { "x-key": "first" });
    expect(verdict(both)).toBe(`hit ${originOf(byKey)}`);
    expect(verdict(await client("two-keys").get(`/?sid=second-${n}`))).toBe(`hit ${other}`);
  });

  it("issue our cookie for the origin that a route named", async ({ expect }) => {
    for (const { name } of origins) {
      const browser = client("routed");
      expect(verdict(await browser.get("/", { cookie: `SID=x.${name}` }))).toBe(`hit ${name}`);
      expect(verdict(await browser.get("/"))).toBe(`hit ${name}`);
    }
  });

  it("store a key where a later rule's hash puts it", async ({ expect }) => {
    const ip = freshIp();
    const plain = await client("hashed", ip).get("/");
    const keyed = await client("hashed", ip).get("/?sid=kept");
    expect(originOf(keyed)).toBe(originOf(plain));
    expect(verdict(await client("hashed").get("/?sid=kept"))).toBe(`hit ${originOf(plain)}`);
  });

  it("only balance when there are none", async ({ expect }) => {
    const answers = [];
    for (let n = 0; n < 10; n++) answers.push(await client("none").get("/?sid=1"));
    expect(new Set(answers.map(originOf)).size).toBe(origins.length);
    expect(answers.flatMap(({ setCookies }) => setCookies)).toEqual([]);
    expect(await sessions("none")).toEqual([]);
  });
});
