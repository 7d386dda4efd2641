import { afterAll, beforeAll, describe, it } from "vitest";
import { Client, type ClientAnswer } from "../kit/jar.ts";
import { startOrigin, type Origin, type RecordedRequest } from "../kit/origins.ts";
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
  const pool = (name: string, rule: unknown) =>
    poolOf(origins, { name, match: [`${name}.test/*`], affinity: [rule] });
  const sid = { by: "query", name: "sid" };
  const room = { by: "path", pattern: "/rooms/:room/*" };
  const matrix = { by: "path", matrix: "jsessionid" };
  router = await startRouter({
    secrets: { AFFINITY_SECRET: secret, ADMIN_TOKEN: adminToken },
    vars: {
      EXPOSE: "status",
      POOLS: [
        pool("query", sid),
        pool("query-long", sid),
        pool("query-short", "query:sid"),
        pool("query-route", { ...sid, pin: "route" }),
        pool("query-hash", { ...sid, pin: "hash" }),
        pool("path", room),
        pool("path-short", "path:/rooms/:room/*"),
        pool("path-map", { ...room, pin: "map" }),
        pool("path-route", { ...room, pin: "route" }),
        pool("path-second", { by: "path", pattern: "/t/:tenant/:room", pin: "map" }),
        pool("matrix", { ...matrix, pin: "map" }),
        pool("matrix-route", { ...matrix, pin: "route" }),
        pool("matrix-hash", { ...matrix, pin: "hash" }),
      ],
    },
  });
  admin = new Admin(router.url);
});

afterAll(async () => {
  await router?.stop();
  await Promise.all((origins ?? []).map((origin) => origin.stop()));
});

/** A request of a client never seen before, so that only the URL can tell where it belongs. */
async function visit(pool: string, path: string): Promise<ClientAnswer> {
  const client = new Client(router.url, { ip: freshIp(), headers: { host: `${pool}.test` } });
  const answer = await client.get(path);
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.text}`);
  const { url } = answer.json<RecordedRequest>();
  if (url !== path) throw new Error(`the origin saw ${url} for ${path}`);
  return answer;
}

const originOf = (answer: ClientAnswer): string | undefined => headerOf(answer, "x-origin");
const outcomeOf = (answer: ClientAnswer): string | undefined =>
  headerOf(answer, "affinity-status")?.split(";")[1]?.trim();

/** Where these paths belong, each answer once: one entry when all show one session. */
async function reached(pool: string, ...paths: string[]): Promise<string[]> {
  const answers = [];
  for (const path of [...paths, ...paths, ...paths]) answers.push(await visit(pool, path));
  return [...new Set(answers.map((answer) => `${outcomeOf(answer)} ${originOf(answer)}`))];
}

describe("a session ID in the query", () => {
  it("is kept in the map from the first request that shows it", async ({ expect }) => {
    for (const pool of ["query", "query-short"]) {
      const first = await visit(pool, "/socket.io/?EIO=4&sid=one&t=1");
      expect(outcomeOf(first)).toBe("new");
      const paths = ["/socket.io/?sid=one", "/other?x=&sid=one", "/?sid=one&t=2", "/?x=?&sid=one"];
      expect(await reached(pool, ...paths)).toEqual([`hit ${originOf(first)}`]);
      expect((await admin.sessions(`&pool=${pool}`)).map(({ by }) => by)).toEqual(["query"]);
    }
  });

  it("is the first of duplicates", async ({ expect }) => {
    const first = await visit("query", "/?sid=first&sid=second");
    expect(await reached("query", "/?sid=first")).toEqual([`hit ${originOf(first)}`]);
    expect(outcomeOf(await visit("query", "/?sid=second"))).toBe("new");
  });

  it("is no key when empty, and only of its own name", async ({ expect }) => {
    const before = await admin.sessions("&pool=query");
    for (const path of [
      "/",
      "/?",
      "/?sid=",
      "/?sid",
      "/?asid=1",
      "/?SID=1",
      "/?x=sid=1",
      "/sid=1",
    ]) {
      expect(outcomeOf(await visit("query", path)), path).not.toBe("hit");
    }
    expect(await admin.sessions("&pool=query")).toHaveLength(before.length);
  });

  it("is never cut: two that share 64, 255 or 4,000 characters are two sessions", async ({
    expect,
  }) => {
    for (const length of [64, 255, 4000]) {
      for (const end of ["1", "2"]) {
        const path = `/?sid=${"k".repeat(length)}${end}`;
        const first = await visit("query-long", path);
        expect(outcomeOf(first)).toBe("new");
        expect(await reached("query-long", path)).toEqual([`hit ${originOf(first)}`]);
      }
    }
    expect(await admin.sessions("&pool=query-long")).toHaveLength(6);
  });

  it("names its origin by route, or is hashed", async ({ expect }) => {
    for (const { name } of origins) {
      expect(await reached("query-route", `/?sid=abc.${name}`)).toEqual([`hit ${name}`]);
    }
    expect(outcomeOf(await visit("query-route", "/?sid=abc.aa"))).not.toBe("hit");
    const hashed = new Set<string>();
    for (let n = 0; n < 30; n++) {
      const origins = (await reached("query-hash", `/?sid=key-${n}`)).map((one) => one.slice(-1));
      expect(new Set(origins).size).toBe(1);
      hashed.add(origins[0] ?? "");
    }
    expect(hashed.size).toBe(origins.length);
    expect(await admin.sessions("&pool=query-hash")).toEqual([]);
    expect(await admin.sessions("&pool=query-route")).toEqual([]);
  });
});

describe("a key in the path", () => {
  it("is hashed: one origin per room, whatever follows", async ({ expect }) => {
    for (const pool of ["path", "path-short"]) {
      const seen = new Set<string>();
      for (let n = 0; n < 30; n++) {
        const room = `/rooms/room-${n}`;
        const paths = [`${room}/`, `${room}/a/b/c`, `${room}/x?room=other`];
        const origins = (await reached(pool, ...paths)).map((one) => one.slice(-1));
        expect(new Set(origins).size).toBe(1);
        seen.add(origins[0] ?? "");
      }
      expect(seen.size).toBe(origins.length);
      expect(await admin.sessions(`&pool=${pool}`)).toEqual([]);
    }
  });

  it("is the first named group, kept in the map if asked", async ({ expect }) => {
    const first = await visit("path-map", "/rooms/42/join");
    expect(await reached("path-map", "/rooms/42/", "/rooms/42/x")).toEqual([
      `hit ${originOf(first)}`,
    ]);
    const tenant = await visit("path-second", "/t/1/kitchen");
    expect(await reached("path-second", "/t/1/hall")).toEqual([`hit ${originOf(tenant)}`]);
    expect(outcomeOf(await visit("path-second", "/t/2/kitchen"))).toBe("new");
    expect(await admin.sessions("&pool=path-second")).toHaveLength(2);
  });

  it("is none where the pattern does not fit", async ({ expect }) => {
    const before = await admin.sessions("&pool=path-map");
    for (const path of ["/rooms/7", "/rooms//x", "/room/7/x", "/a/rooms/7/x", "/?/rooms/7/x"]) {
      expect(outcomeOf(await visit("path-map", path)), path).not.toBe("hit");
    }
    expect(await admin.sessions("&pool=path-map")).toHaveLength(before.length);
  });

  it("names its origin by route", async ({ expect }) => {
    for (const { name } of origins) {
      expect(await reached("path-route", `/rooms/42.${name}/x`)).toEqual([`hit ${name}`]);
    }
  });

  it("is found as a matrix parameter of any segment", async ({ expect }) => {
    const first = await visit("matrix", "/shop/cart.jsp;jsessionid=ABC?x=1");
    const paths = [
      "/shop;jsessionid=ABC/cart",
      "/;a=1;jsessionid=ABC;b=2",
      "/x;jsessionid=ABC",
      "/x;jsessionid=ABC?jsessionid=no;jsessionid=no",
    ];
    expect(await reached("matrix", ...paths)).toEqual([`hit ${originOf(first)}`]);
    expect(await admin.sessions("&pool=matrix")).toHaveLength(1);
    for (const path of [
      "/x;jsessionid=",
      "/x;jsessionid",
      "/x;ajsessionid=ABC",
      "/x?a;jsessionid=ABC",
    ]) {
      expect(outcomeOf(await visit("matrix", path)), path).not.toBe("hit");
    }
    expect(await admin.sessions("&pool=matrix")).toHaveLength(1);
  });

  it("works as a matrix parameter with route and hash", async ({ expect }) => {
    for (const { name } of origins) {
      expect(await reached("matrix-route", `/x;jsessionid=A1.${name}?y`)).toEqual([`hit ${name}`]);
    }
    for (let n = 0; n < 10; n++) {
      const origins = await reached("matrix-hash", `/x;jsessionid=${n}`, `/y;jsessionid=${n}/z`);
      expect(new Set(origins.map((one) => one.slice(-1))).size).toBe(1);
    }
  });
});
