import { afterAll, beforeAll, describe, it } from "vitest";
import { Client, type ClientAnswer } from "../kit/jar.ts";
import { startOrigin, type Origin } from "../kit/origins.ts";
import { headerOf, sendRaw } from "../kit/raw-http.ts";
import { startRouter, type Router } from "../kit/workerd.ts";
import { Admin, adminToken, poolOf, secret } from "./scene.ts";

let origins: readonly Origin[];
let router: Router;
let admin: Admin;
let agents = 0;

beforeAll(async () => {
  origins = await Promise.all(
    ["a", "b", "c", "d", "e"].map((name) =>
      startOrigin({
        name,
        handler: (_, response) => (response.setHeader("x-origin", name), false),
      }),
    ),
  );
  const pool = (name: string, rule: unknown, settings: object = {}) =>
    poolOf(origins, { name, match: [`${name}.test/*`], affinity: [rule], ...settings });
  const forwarded = {
    client_ip: { header: "x-forwarded-for", trusted: ["10.0.0.0/8", "2001:db8:ffff::/48"] },
  };
  router = await startRouter({
    secrets: { AFFINITY_SECRET: secret, ADMIN_TOKEN: adminToken },
    vars: {
      EXPOSE: "status",
      POOLS: [
        pool("map", { by: "ip" }),
        pool("short", "ip"),
        pool("v6", { by: "ip" }),
        pool("folded", { by: "ip" }),
        pool("masked", { by: "ip", v4: 24, v6: 48 }),
        pool("hash", { by: "ip", pin: "hash" }),
        pool("forwarded", { by: "ip" }, forwarded),
      ],
    },
  });
  admin = new Admin(router.url);
});

afterAll(async () => {
  await router?.stop();
  await Promise.all((origins ?? []).map((origin) => origin.stop()));
});

/** A request from an address; nothing else is alike between two of them. */
function from(pool: string, ip: string | undefined): Promise<ClientAnswer> {
  agents += 1;
  return new Client(router.url, {
    ...(ip === undefined ? {} : { ip }),
    userAgent: `agent ${agents}`,
    headers: { host: `${pool}.test` },
  }).get("/");
}

/** A request that carries this chain, and the address of the last proxy. */
function through(...chain: string[]): Promise<ClientAnswer> {
  agents += 1;
  return new Client(router.url, {
    ip: `192.0.2.${agents % 250}`,
    userAgent: `agent ${agents}`,
    headers: { host: "forwarded.test", "x-forwarded-for": chain.join(", ") },
  }).get("/");
}

const originOf = (answer: ClientAnswer): string | undefined => headerOf(answer, "x-origin");
const outcomeOf = (answer: ClientAnswer): string | undefined =>
  headerOf(answer, "affinity-status")?.split(";")[1]?.trim();
const verdict = (answer: ClientAnswer): string => `${outcomeOf(answer)} ${originOf(answer)}`;
const sessions = (pool: string) => admin.sessions(`&pool=${pool}`);

describe("a client known by its address", () => {
  it("keeps its origin, and each address has its own session", async ({ expect }) => {
    for (const pool of ["map", "short"]) {
      const first = [];
      for (let n = 1; n <= 10; n++) first.push(await from(pool, `203.0.113.${n}`));
      expect(first.map(outcomeOf)).toEqual(Array(10).fill("new"));
      expect(first.flatMap(({ setCookies }) => setCookies)).toEqual([]);
      for (const [at, answer] of first.entries()) {
        const again = await from(pool, `203.0.113.${at + 1}`);
        expect(verdict(again)).toBe(`hit ${originOf(answer)}`);
      }
      expect((await sessions(pool)).map(({ by }) => by)).toEqual(Array(10).fill("ip"));
    }
  });

  it("is one /64 in IPv6, however the address is written", async ({ expect }) => {
    const first = await from("v6", "2001:db8:1:2::1");
    for (const same of [
      "2001:0DB8:0001:0002:0000:0000:0000:0001",
      "2001:db8:1:2:ffff:ffff:ffff:ffff",
      "2001:db8:1:2::1%eth0",
      "2001:DB8:1:2::192.0.2.1",
    ]) {
      expect(verdict(await from("v6", same)), same).toBe(`hit ${originOf(first)}`);
    }
    expect(outcomeOf(await from("v6", "2001:db8:1:3::1"))).toBe("new");
    expect(await sessions("v6")).toHaveLength(2);
  });

  it("is the same in IPv4 and mapped into IPv6", async ({ expect }) => {
    const first = await from("folded", "198.51.100.7");
    for (const same of ["::ffff:198.51.100.7", "::FFFF:c633:6407", "0:0:0:0:0:ffff:198.51.100.7"]) {
      expect(verdict(await from("folded", same)), same).toBe(`hit ${originOf(first)}`);
    }
    expect(outcomeOf(await from("folded", "::ffff:198.51.100.8"))).toBe("new");
    expect(await sessions("folded")).toHaveLength(2);
  });

  it("is a network where the rule masks more", async ({ expect }) => {
    const v4 = await from("masked", "203.0.113.1");
    expect(verdict(await from("masked", "203.0.113.254"))).toBe(`hit ${originOf(v4)}`);
    expect(outcomeOf(await from("masked", "203.0.114.1"))).toBe("new");
    const v6 = await from("masked", "2001:db8:9:1::1");
    expect(verdict(await from("masked", "2001:db8:9:ffff::1"))).toBe(`hit ${originOf(v6)}`);
    expect(outcomeOf(await from("masked", "2001:db8:a::1"))).toBe("new");
  });

  it("is nobody when the address is garbage or absent, and served anyway", async ({ expect }) => {
    const before = await sessions("map");
    const garbage = [
      "x",
      "1.2.3",
      "1.2.3.4.5",
      "256.1.1.1",
      "::g",
      "1.2.3.4, 5.6.7.8",
      "-",
      "0x1.2.3.4",
    ];
    for (const ip of [
      undefined,
      "",
      ...garbage,
      "01.2.3.4",
      "1234567890",
      ":",
      "1.2.3.4/8",
      "[::1",
    ]) {
      for (let twice = 0; twice < 2; twice++) {
        const answer = await from("map", ip);
        expect(answer.status).toBe(200);
        expect(outcomeOf(answer), ip).not.toBe("hit");
      }
    }
    expect(await sessions("map")).toHaveLength(before.length);
  });

  it("is hashed without storage", async ({ expect }) => {
    const seen = new Set<string | undefined>();
    for (let n = 1; n <= 30; n++) {
      const first = originOf(await from("hash", `2001:db8:1:${n}::1`));
      expect(originOf(await from("hash", `2001:db8:1:${n}:9::9`))).toBe(first);
      seen.add(first);
    }
    expect(seen.size).toBe(origins.length);
    expect(await sessions("hash")).toEqual([]);
  });
});

describe("a client known by a header of trusted proxies", () => {
  it("is the right-most address that is not trusted", async ({ expect }) => {
    const first = await through("203.0.113.7");
    for (const chain of [
      ["203.0.113.7", "10.1.2.3"],
      ["203.0.113.7", "10.1.2.3", "10.9.9.9", "2001:db8:ffff::1"],
      ["1.1.1.1", "203.0.113.7", "10.1.2.3"],
      ["garbage", "203.0.113.7"],
      ["::ffff:203.0.113.7", "::ffff:10.0.0.1"],
    ]) {
      expect(verdict(await through(...chain)), chain.join()).toBe(`hit ${originOf(first)}`);
    }
    expect(outcomeOf(await through("203.0.113.7", "8.8.8.8", "10.1.2.3"))).toBe("new");
  });

  it("is read over several lines of the header", async ({ expect }) => {
    const first = await through("203.0.113.9");
    const answer = await sendRaw(
      router.url,
      "GET / HTTP/1.1\r\nHost: forwarded.test\r\nX-Forwarded-For: 203.0.113.9\r\n" +
        "X-Forwarded-For: 10.1.1.1\r\nConnection: close\r\n\r\n",
    );
    expect(headerOf(answer, "affinity-status")).toMatch(/^limpet; hit;/);
    expect(headerOf(answer, "x-origin")).toBe(originOf(first));
  });

  it("is nobody behind garbage, and served anyway", async ({ expect }) => {
    const before = await sessions("forwarded");
    for (const chain of [
      ["203.0.113.7", "garbage"],
      ["203.0.113.7", "nonsense", "10.1.1.1"],
      [""],
    ]) {
      const answer = await through(...chain);
      expect(answer.status).toBe(200);
      expect(outcomeOf(answer), chain.join()).not.toBe("hit");
    }
    expect(await sessions("forwarded")).toHaveLength(before.length);
  });
});
