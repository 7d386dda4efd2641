import { setTimeout as sleep } from "node:timers/promises";
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
  const pool = (name: string, affinity: unknown[], settings: object = {}) =>
    poolOf(origins, {
      name,
      match: [`${name}.test/*`],
      affinity,
      skip: ["/assets/*"],
      ...settings,
    });
  const all = ["header:X-Key", "query:sid", "app-cookie:SID", "ip", "cookie"];
  router = await startRouter({
    secrets: { AFFINITY_SECRET: secret, ADMIN_TOKEN: adminToken },
    vars: {
      EXPOSE: "status",
      POOLS: [
        pool("all", all),
        pool("cookie", ["cookie"]),
        pool("wrapped", [{ by: "app-cookie", name: "SID", pin: "embed" }]),
        pool("return", ["cookie"], { sessions: { record: "return" } }),
        pool("never", ["cookie"], { sessions: { record: "never" } }),
        pool("header", ["header:X-Key"]),
        pool("query", ["query:sid"]),
        pool("ip", ["ip"]),
      ],
    },
  });
  admin = new Admin(router.url);
});

afterAll(async () => {
  await router?.stop();
  await Promise.all((origins ?? []).map((origin) => origin.stop()));
});

const client = (pool: string, ip = freshIp(), userAgent?: string): Client =>
  new Client(router.url, {
    ip,
    ...(userAgent === undefined ? {} : { userAgent }),
    headers: { host: `${pool}.test` },
  });
const originOf = (answer: ClientAnswer): string | undefined => headerOf(answer, "x-origin");
const outcomeOf = (answer: ClientAnswer): string | undefined =>
  headerOf(answer, "affinity-status")?.split(";")[1]?.trim();
const sessions = (pool: string) => admin.sessions(`&pool=${pool}`);

const preflight = { origin: "https://x.test", "access-control-request-method": "PUT" };
const passing: readonly [string, string, Record<string, string>, path: string][] = [
  ["a CORS preflight", "OPTIONS", preflight, "/"],
  ["a prefetch", "GET", { "sec-purpose": "prefetch" }, "/"],
  ["a prerender", "GET", { "sec-purpose": "prefetch;prerender" }, "/"],
  ["an old prefetch", "GET", { purpose: "prefetch" }, "/"],
  ["a path to be skipped", "GET", {}, "/assets/app.js"],
];

describe("what only passes through", () => {
  for (const [what, method, headers, path] of passing) {
    it(`${what} makes no pin, not even by what the answer teaches`, async ({ expect }) => {
      const key = what.replaceAll(" ", "-");
      const answer = await client("all").request(`${path}?sid=${key}&cookie=SID%3D${key}`, {
        method,
        headers: { ...headers, "x-key": key },
      });
      expect(answer.status).toBe(200);
      expect(answer.setCookies).toEqual([`SID=${key}`]);
      expect(outcomeOf(answer)).toBe("skip");
      await sleep(100);
      expect(await sessions("all")).toEqual([]);
    });

    it(`${what} follows a pin that is there, and neither renews nor repeats it`, async ({
      expect,
    }) => {
      const browser = client("cookie");
      const first = await browser.get("/");
      for (let n = 0; n < 3; n++) {
        const answer = await browser.request(path, { method, headers });
        expect(outcomeOf(answer)).toBe("hit");
        expect(originOf(answer)).toBe(originOf(first));
        expect(answer.setCookies).toEqual([]);
      }
    });
  }

  it("is not every OPTIONS, nor a path that only looks alike", async ({ expect }) => {
    const options = await client("cookie").request("/", { method: "OPTIONS" });
    expect(options.setCookies).toHaveLength(1);
    for (const path of ["/assets", "/x/assets/a", "/assetsx/a", "/?/assets/a"]) {
      expect((await client("cookie").get(path)).setCookies, path).toHaveLength(1);
    }
  });
});

describe("when a session is recorded", () => {
  it("record = first: with its first answer", async ({ expect }) => {
    const before = (await sessions("cookie")).length;
    await client("cookie").get("/");
    await sleep(700);
    expect(await sessions("cookie")).toHaveLength(before + 1);
  });

  it("record = return: only once the client came back", async ({ expect }) => {
    const browser = client("return");
    const first = await browser.get("/");
    expect(first.setCookies).toHaveLength(1);
    for (let n = 0; n < 5; n++) await client("return").get("/");
    await sleep(700);
    expect(await sessions("return")).toEqual([]);
    const second = await browser.get("/");
    expect(outcomeOf(second)).toBe("hit");
    expect(originOf(second)).toBe(originOf(first));
    await sleep(700);
    const rows = await sessions("return");
    expect(rows.map(({ origin }) => origin)).toEqual([originOf(first)]);
    expect(originOf(await browser.get("/"))).toBe(originOf(first));
  });

  it("record = never: the cookie alone pins", async ({ expect }) => {
    const browser = client("never");
    const first = await browser.get("/");
    for (let n = 0; n < 5; n++) {
      const answer = await browser.get("/");
      expect(`${outcomeOf(answer)} ${originOf(answer)}`).toBe(`hit ${originOf(first)}`);
    }
    await sleep(700);
    expect(await sessions("never")).toEqual([]);
  });
});

describe("a burst of first requests", () => {
  it("reaches one origin when all show one unseen key, however many clients", async ({
    expect,
  }) => {
    const shots: [string, (n: number) => Promise<ClientAnswer>][] = [
      ["header", () => client("header").get("/", { "x-key": "burst" })],
      ["query", () => client("query").get("/?sid=burst")],
      ["ip", (n) => client("ip", "203.0.113.99", `agent ${n}`).get("/")],
    ];
    for (const [pool, shoot] of shots) {
      const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => shoot(n)));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      expect(new Set(answers.map(originOf)).size, pool).toBe(1);
      expect(await sessions(pool), pool).toHaveLength(1);
      expect(originOf(await shoot(101))).toBe(originOf(answers[0] as ClientAnswer));
    }
  });

  it("reaches one origin when it is one client's that has no cookie yet", async ({ expect }) => {
    const ip = freshIp();
    const answers = await Promise.all(
      Array.from({ length: 30 }, () => client("cookie", ip, "one browser").get("/")),
    );
    expect(new Set(answers.map(originOf)).size).toBe(1);
  });

  it("is spread when it is many clients'", async ({ expect }) => {
    const answers = await Promise.all(Array.from({ length: 30 }, () => client("cookie").get("/")));
    const counts = origins.map(
      ({ name }) => answers.filter((answer) => originOf(answer) === name).length,
    );
    expect(counts).toEqual(Array(5).fill(6));
  });
});
