import { once } from "node:events";
import { afterAll, beforeAll, describe, it } from "vitest";
import { Client, type ClientAnswer } from "../kit/jar.ts";
import { startOrigin, type Origin } from "../kit/origins.ts";
import { headerOf, openRaw } from "../kit/raw-http.ts";
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
  const pool = (name: string, ...affinity: object[]) =>
    poolOf(origins, { name, match: [`${name}.test/*`], affinity });
  router = await startRouter({
    secrets: { AFFINITY_SECRET: secret, ADMIN_TOKEN: adminToken },
    vars: {
      EXPOSE: "status",
      POOLS: [
        pool("shop", { by: "app-cookie", name: "SID" }),
        pool("other", { by: "app-cookie", name: "SID" }),
        pool("two", { by: "app-cookie", name: "SID" }, { by: "app-cookie", name: "CART" }),
        pool("open", { by: "app-cookie", name: "SID", learn: "request" }),
        pool("both", { by: "app-cookie", name: "SID", learn: "both" }),
      ],
    },
  });
  admin = new Admin(router.url);
});

afterAll(async () => {
  await router?.stop();
  await Promise.all((origins ?? []).map((origin) => origin.stop()));
});

/** A request of a client never seen before, so that only the cookie can tell where it belongs. */
function visit(pool: string, path: string, cookie?: string, method = "GET"): Promise<ClientAnswer> {
  const client = new Client(router.url, { ip: freshIp(), headers: { host: `${pool}.test` } });
  return client.request(path, { method, ...(cookie === undefined ? {} : { headers: { cookie } }) });
}

const setting = (...lines: string[]): string =>
  lines.map((line) => `cookie=${encodeURIComponent(line)}`).join("&");
const originOf = (answer: ClientAnswer): string | undefined => headerOf(answer, "x-origin");
const outcomeOf = (answer: ClientAnswer): string | undefined =>
  headerOf(answer, "affinity-status")?.split(";")[1]?.trim();
const sessions = (pool: string) => admin.sessions(`&pool=${pool}`);

/** What six strangers with this cookie get, each kind once. */
async function reached(pool: string, cookie: string): Promise<string[]> {
  const answers = [];
  for (let n = 0; n < 6; n++) answers.push(await visit(pool, "/", cookie));
  return [...new Set(answers.map((answer) => `${outcomeOf(answer)} ${originOf(answer)}`))];
}

describe("an app cookie learned from Set-Cookie", () => {
  for (const path of [
    "/",
    "/status/302",
    "/status/401",
    "/status/404",
    "/status/500",
    "/status/204",
  ]) {
    it(`routes by the cookie an answer of ${path} set`, async ({ expect }) => {
      const value = `from${path.replaceAll("/", "-")}`;
      const first = await visit("shop", `${path}?${setting(`SID=${value}; Path=/; HttpOnly`)}`);
      expect(first.setCookies).toEqual([`SID=${value}; Path=/; HttpOnly`]);
      expect(await reached("shop", `SID=${value}`)).toEqual([`hit ${originOf(first)}`]);
    });
  }

  it("routes by the cookie a HEAD or a POST got", async ({ expect }) => {
    for (const method of ["HEAD", "POST"]) {
      const first = await visit("shop", `/?${setting(`SID=by-${method}`)}`, undefined, method);
      expect(await reached("shop", `SID=by-${method}`)).toEqual([`hit ${originOf(first)}`]);
    }
  });

  it("learns from a 101", async ({ expect }) => {
    const client = new Client(router.url, { headers: { host: "shop.test" } });
    const socket = await client.webSocket(`/socket?${setting("SID=upgraded; Path=/")}`);
    socket.send("whoami");
    const [name] = (await once(socket, "message")) as [Buffer];
    expect(client.cookies.get("SID")).toBe("upgraded");
    expect(await reached("shop", "SID=upgraded")).toEqual([`hit ${name}`]);
    socket.terminate();
  });

  it("learns at the headers, while the body is still streaming", async ({ expect }) => {
    const connection = await openRaw(router.url);
    connection.write(
      `GET /sse?n=40&ms=50&${setting("SID=streaming")} HTTP/1.1\r\nHost: shop.test\r\n\r\n`,
    );
    while (!connection.rest.includes("data: 0")) await new Promise((wake) => setTimeout(wake, 10));
    const origin = /x-origin: (\w)/i.exec(connection.rest.toString())?.[1];
    expect(await reached("shop", "SID=streaming")).toEqual([`hit ${origin}`]);
    expect(connection.rest.includes("data: 39")).toBe(false);
    connection.destroy();
  });

  it("takes the last of several cookies of one name in one answer", async ({ expect }) => {
    const first = await visit("shop", `/?${setting("SID=several-1", "other=1", "SID=several-2")}`);
    expect(first.setCookies).toEqual(["SID=several-1", "other=1", "SID=several-2"]);
    expect(await reached("shop", "SID=several-2")).toEqual([`hit ${originOf(first)}`]);
    expect(outcomeOf(await visit("shop", "/", "SID=several-1"))).not.toBe("hit");
  });

  it("keeps quotes and escapes, and trims the outer blanks", async ({ expect }) => {
    const first = await visit("shop", `/?${setting('SID =  "quo ted%41"  ; Path=/')}`);
    expect(await reached("shop", 'x=1; SID="quo ted%41"; y=2')).toEqual([`hit ${originOf(first)}`]);
    for (const other of ['"quo tedA"', "quo ted%41", '"quo ted%41']) {
      expect(outcomeOf(await visit("shop", "/", `SID=${other}`)), other).not.toBe("hit");
    }
  });

  it("keeps everything after the first equals sign", async ({ expect }) => {
    const first = await visit("shop", `/?${setting("SID=a=b==; Path=/")}`);
    expect(await reached("shop", "SID=a=b==")).toEqual([`hit ${originOf(first)}`]);
  });

  it("reads the name in its own case and whole", async ({ expect }) => {
    await visit("shop", `/?${setting("sid=case", "XSID=case", "SIDX=case")}`);
    expect(outcomeOf(await visit("shop", "/", "SID=case; sid=case"))).not.toBe("hit");
  });

  it("learns up to 4,096 bytes of name and value, and no more", async ({ expect }) => {
    const [fits, tooLong] = ["f".repeat(4093), "t".repeat(4094)];
    const first = await visit("shop", `/?${setting(`SID=${fits}`)}`);
    expect(await reached("shop", `SID=${fits}`)).toEqual([`hit ${originOf(first)}`]);
    const second = await visit("shop", `/?${setting(`SID=${tooLong}`)}`);
    expect(second.setCookies).toEqual([`SID=${tooLong}`]);
    expect(outcomeOf(await visit("shop", "/", `SID=${tooLong}`))).not.toBe("hit");
  });

  it("moves the pin to the new ID at login", async ({ expect }) => {
    const before = (await sessions("other")).length;
    const first = await visit("other", `/?${setting("SID=guest")}`);
    const login = await visit("other", `/status/302?${setting("SID=member")}`, "SID=guest", "POST");
    expect(originOf(login)).toBe(originOf(first));
    expect(await reached("other", "SID=member")).toEqual([`hit ${originOf(first)}`]);
    expect((await sessions("other")).length).toBe(before + 1);
  });

  for (const [how, attributes] of [
    ["Max-Age=0", "Max-Age=0"],
    ["a negative Max-Age", "max-age=-1; Path=/"],
    ["a past Expires", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"],
    ["Max-Age=0 despite a future Expires", "Expires=Fri, 01 Jan 2100 00:00:00 GMT; Max-Age=0"],
  ]) {
    it(`ends the pin with ${how}`, async ({ expect }) => {
      const before = await sessions("shop");
      const cookie = `SID=gone-${how?.replaceAll(/\W/g, "")}`;
      await visit("shop", `/?${setting(cookie)}`);
      expect((await sessions("shop")).length).toBe(before.length + 1);
      const logout = await visit("shop", `/?${setting(`SID=; ${attributes}`)}`, cookie);
      expect(outcomeOf(logout)).toBe("hit");
      expect(await sessions("shop")).toHaveLength(before.length);
      expect(outcomeOf(await visit("shop", "/", cookie))).not.toBe("hit");
    });
  }

  it("keeps the pin with Max-Age=60 despite a past Expires", async ({ expect }) => {
    const past = "Expires=Thu, 01 Jan 1970 00:00:00 GMT";
    const first = await visit("shop", `/?${setting(`SID=wins; ${past}; Max-Age=60`)}`);
    expect(await reached("shop", "SID=wins")).toEqual([`hit ${originOf(first)}`]);
  });

  it("believes no ID that an origin did not issue", async ({ expect }) => {
    const before = await sessions("shop");
    const origins = new Set<string | undefined>();
    for (let n = 0; n < 5; n++) origins.add(originOf(await visit("shop", "/", "SID=made-up")));
    expect(origins.size).toBe(5);
    expect(await sessions("shop")).toHaveLength(before.length);
  });

  it("believes any ID under learn = request, and both under learn = both", async ({ expect }) => {
    for (const pool of ["open", "both"]) {
      const first = await visit(pool, "/", "SID=shown");
      expect(await reached(pool, "SID=shown")).toEqual([`hit ${originOf(first)}`]);
    }
    const issued = await visit("both", `/?${setting("SID=issued")}`);
    expect(await reached("both", "SID=issued")).toEqual([`hit ${originOf(issued)}`]);
  });

  it("keeps the cookies of pools and of names apart", async ({ expect }) => {
    await visit("shop", `/?${setting("SID=apart")}`);
    expect(outcomeOf(await visit("other", "/", "SID=apart"))).not.toBe("hit");
    const cart = await visit("two", `/?${setting("CART=apart")}`);
    expect(await reached("two", "CART=apart")).toEqual([`hit ${originOf(cart)}`]);
    expect(outcomeOf(await visit("two", "/", "SID=apart"))).not.toBe("hit");
    expect((await sessions("two")).map(({ by }) => by)).toEqual(["app-cookie"]);
  });

  it("sends the app's cookie to the origin untouched, and adds none of ours", async ({
    expect,
  }) => {
    const answer = await visit("shop", "/", 'z=1; SID="x y"; a=2');
    expect(answer.json<{ headers: string[][] }>().headers).toContainEqual([
      "Cookie",
      'z=1; SID="x y"; a=2',
    ]);
    expect(answer.setCookies).toEqual([]);
  });

  it("still knows an ID when the router dies right after the answer that issued it", async ({
    expect,
  }) => {
    const first = await visit("shop", `/?${setting("SID=durable")}`);
    await router.kill9();
    await router.restart();
    expect(await reached("shop", "SID=durable")).toEqual([`hit ${originOf(first)}`]);
  });
});
