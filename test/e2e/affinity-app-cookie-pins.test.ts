import { afterAll, beforeAll, describe, it } from "vitest";
import { Client, type ClientAnswer } from "../kit/jar.ts";
import { startOrigin, type Origin, type RecordedRequest } from "../kit/origins.ts";
import { headerOf } from "../kit/raw-http.ts";
import { startRouter, type Router } from "../kit/workerd.ts";
import { Admin, adminToken, freshIp, issued, poolOf, secret } from "./scene.ts";

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
  const pool = (name: string, ...affinity: object[]) =>
    poolOf(origins, { name, match: [`${name}.test/*`], affinity });
  const labelled = {
    ...pool("labels", { by: "app-cookie", name: "SID", pin: "route", separator: "!" }),
    origins: origins.map(({ name, url }, at) => ({ name, url, route: `node${at + 1}` })),
  };
  router = await startRouter({
    secrets: { AFFINITY_SECRET: secret, ADMIN_TOKEN: adminToken },
    vars: {
      EXPOSE: "status",
      POOLS: [
        pool("companion", { by: "app-cookie", name: "SID", pin: "cookie" }),
        pool("route", { by: "app-cookie", name: "SID", pin: "route" }),
        labelled,
        pool("embed", { by: "app-cookie", name: "SID", pin: "embed" }),
        pool("embed2", { by: "app-cookie", name: "SID", pin: "embed" }),
        pool("hash", { by: "app-cookie", name: "SID", pin: "hash" }),
      ],
    },
  });
  admin = new Admin(router.url);
});

afterAll(async () => {
  await router?.stop();
  await Promise.all((origins ?? []).map((origin) => origin.stop()));
});

const stranger = (pool: string): Client =>
  new Client(router.url, { ip: freshIp(), headers: { host: `${pool}.test` } });
const withCookie = (pool: string, cookie: string, path = "/") =>
  stranger(pool).get(path, { cookie });
const setting = (...lines: string[]): string =>
  lines.map((line) => `cookie=${encodeURIComponent(line)}`).join("&");
const originOf = (answer: ClientAnswer): string | undefined => headerOf(answer, "x-origin");
const outcomeOf = (answer: ClientAnswer): string | undefined =>
  headerOf(answer, "affinity-status")?.split(";")[1]?.trim();
const cookieSeen = (answer: ClientAnswer): string | undefined =>
  headerOf(answer.json<Pick<RecordedRequest, "headers">>(), "cookie");

async function reached(pool: string, cookie: string): Promise<string[]> {
  const answers = [];
  for (let n = 0; n < 6; n++) answers.push(await withCookie(pool, cookie));
  return [...new Set(answers.map((answer) => `${outcomeOf(answer)} ${originOf(answer)}`))];
}

describe("a companion of the app's cookie", () => {
  it("appears when the app's cookie does, and pins", async ({ expect }) => {
    const client = stranger("companion");
    expect((await client.get("/")).setCookies).toEqual([]);
    const login = await client.get(`/status/401?${setting("SID=one; Path=/app")}`);
    expect(login.setCookies).toHaveLength(2);
    expect(login.setCookies[0]).toBe("SID=one; Path=/app");
    expect(login.setCookies[1]).toMatch(/^affinity-[\w-]+=[^;]+; .*HttpOnly/);
    expect(await reached("companion", client.cookieHeader)).toEqual([`hit ${originOf(login)}`]);
  });

  it("lives as long as the app's cookie", async ({ expect }) => {
    const brief = await withCookie("companion", "", `/?${setting("SID=two; Max-Age=77")}`);
    expect(brief.setCookies[1]).toMatch(/; Max-Age=77(;|$)/i);
    const until = "Expires=Fri, 01 Jan 2100 00:00:00 GMT";
    const long = await withCookie("companion", "", `/?${setting(`SID=three; ${until}`)}`);
    expect(long.setCookies[1]).toContain(until);
    const session = await withCookie("companion", "", `/?${setting("SID=four")}`);
    expect(session.setCookies[1]).not.toMatch(/max-age|expires/i);
  });

  it("is not repeated while the app's cookie stays", async ({ expect }) => {
    const client = stranger("companion");
    await client.get(`/?${setting("SID=five")}`);
    for (let n = 0; n < 3; n++) expect((await client.get("/")).setCookies).toEqual([]);
  });

  it("is expired by us when the app ends its own", async ({ expect }) => {
    for (const end of ["SID=; Max-Age=0", "SID=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]) {
      const client = stranger("companion");
      await client.get(`/?${setting("SID=six")}`);
      expect(client.cookies.size).toBe(2);
      const logout = await client.get(`/?${setting(end)}`);
      expect(logout.setCookies).toHaveLength(2);
      expect([...client.cookies.keys()]).toEqual([]);
    }
  });

  it("pins nothing once the app's cookie is gone", async ({ expect }) => {
    const client = stranger("companion");
    const login = await client.get(`/?${setting("SID=seven")}`);
    const companion = login.setCookies[1]?.split(";")[0] ?? "";
    expect(outcomeOf(await withCookie("companion", companion))).not.toBe("hit");
  });

  it("is kept from the origin", async ({ expect }) => {
    const client = stranger("companion");
    await client.get(`/?${setting("SID=eight")}`);
    expect(cookieSeen(await client.get("/"))).toBe("SID=eight");
  });

  it("keeps a client where it was when the app renews its ID", async ({ expect }) => {
    const client = stranger("companion");
    const first = await client.get(`/?${setting("SID=guest")}`);
    const login = await client.get(`/?${setting("SID=member")}`);
    expect(originOf(login)).toBe(originOf(first));
    expect(await reached("companion", client.cookieHeader)).toEqual([`hit ${originOf(first)}`]);
  });
});

describe("an app cookie that names its origin", () => {
  it("routes by the label after the last separator, learning nothing", async ({ expect }) => {
    for (const { name } of origins) {
      expect(await reached("route", `SID=abc.${name}`)).toEqual([`hit ${name}`]);
    }
    for (const [at, { name }] of origins.entries()) {
      expect(await reached("labels", `SID=abc!node${at + 1}`)).toEqual([`hit ${name}`]);
    }
    expect(await admin.sessions("&pool=route")).toEqual([]);
  });

  it("takes an exact label only", async ({ expect }) => {
    for (const value of [
      "abc.A",
      "abc.aa",
      "abc.",
      "abca",
      "a.b.",
      "abc.a ",
      "abc.a.x",
      '"abc.a"',
    ]) {
      if (value.endsWith(" ")) continue;
      expect(outcomeOf(await withCookie("route", `SID=${value}`)), value).not.toBe("hit");
    }
    for (const value of ["abc!node", "abc!node10", "abc.node1", "abc!a", "abc!NODE1"]) {
      expect(outcomeOf(await withCookie("labels", `SID=${value}`)), value).not.toBe("hit");
    }
  });

  it("hands the value on as it came, and sets no cookie", async ({ expect }) => {
    const answer = await withCookie("route", "x=1; SID=abc.a; y=2");
    expect(cookieSeen(answer)).toBe("x=1; SID=abc.a; y=2");
    expect(answer.setCookies).toEqual([]);
  });
});

describe("an app cookie that we wrap", () => {
  const attributes =
    '; Path=/; expires="Fri, 01-Jan-2100 00:00:00 GMT";HttpOnly ; SameSite=lax;X=,y';

  it("is wrapped for the client, attributes byte for byte, and unwrapped for the origin", async ({
    expect,
  }) => {
    for (const value of ["abc", '"quo ted"', "a=b==", "%41.x~y", "\xc3\xa9-\xf0\x9f\x98\x80"]) {
      const line = `SID=${value}${attributes}`;
      const client = stranger("embed");
      const path = `/status/204?header=${encodeURIComponent(`set-cookie:${line}`)}`;
      const first = await client.get(`${path}&${setting("before=1")}`);
      const wrapped = first.setCookies.find((one) => one.startsWith("SID=")) ?? "";
      expect(first.setCookies, value).toHaveLength(2);
      expect(wrapped.slice(wrapped.indexOf(";"))).toBe(attributes);
      expect(wrapped.slice(4, wrapped.indexOf(";"))).not.toBe(value);
      const sent = `x=1; SID=${client.cookies.get("SID")}; y=2`;
      expect(await reached("embed", sent)).toEqual([`hit ${originOf(first)}`]);
      expect(cookieSeen(await withCookie("embed", sent))).toBe(`x=1; SID=${value}; y=2`);
    }
  });

  it("wraps the last of several, and leaves every other line alone", async ({ expect }) => {
    const others = ["sid=low", "XSID=1; Path=/", "a=b, c=d"];
    const answer = await withCookie("embed", "", `/status/302?${setting(...others, "SID=last")}`);
    expect(answer.setCookies.filter((line) => !line.startsWith("SID="))).toEqual(others);
  });

  it("says nothing about the origin that can be read", async ({ expect }) => {
    const answer = await withCookie("embed", "", `/?${setting("SID=abc")}`);
    const value = issued(answer, "SID") ?? "";
    const texts = [
      value,
      ...value.split(".").map((part) => Buffer.from(part, "base64url").toString()),
    ];
    for (const { port } of origins) expect(texts.join(" ")).not.toContain(String(port));
    expect(texts.join(" ")).not.toContain("127.0.0.1");
  });

  it("passes the app's own removal on", async ({ expect }) => {
    const client = stranger("embed");
    await client.get(`/?${setting("SID=bye; Path=/")}`);
    const logout = await client.get(`/?${setting("SID=; Path=/; Max-Age=0")}`);
    expect(logout.setCookies).toHaveLength(1);
    expect(logout.setCookies[0]).toMatch(/; Path=\/; Max-Age=0$/);
    expect(client.cookies.has("SID")).toBe(false);
  });

  it("holds a forged, changed or foreign wrapper void", async ({ expect }) => {
    const value = issued(await withCookie("embed", "", `/?${setting("SID=abc")}`), "SID") ?? "";
    const changed = [...value].map((char, at) => {
      const other = char === "A" ? "B" : "A";
      return `${value.slice(0, at)}${other}${value.slice(at + 1)}`;
    });
    const last = changed.length - 1;
    for (const forged of [
      ...changed.slice(0, last),
      "abc",
      `${value}x`,
      value.slice(1),
      value + value,
    ]) {
      const answer = await withCookie("embed", `SID=${forged}`);
      expect(answer.status).toBe(200);
      expect(outcomeOf(answer), forged).not.toBe("hit");
    }
    expect(outcomeOf(await withCookie("embed2", `SID=${value}`))).not.toBe("hit");
  });
});

describe("an app cookie that is hashed", () => {
  it("reaches one origin per value, without storing or setting anything", async ({ expect }) => {
    const seen = new Set<string | undefined>();
    for (let n = 0; n < 30; n++) {
      const first = await withCookie("hash", `SID=value-${n}`);
      expect(first.setCookies).toEqual([]);
      expect(originOf(await withCookie("hash", `z=1; SID=value-${n}`))).toBe(originOf(first));
      seen.add(originOf(first));
    }
    expect(seen.size).toBe(origins.length);
    expect(await admin.sessions("&pool=hash")).toEqual([]);
  });
});
