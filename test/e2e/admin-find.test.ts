import { afterAll, beforeAll, describe, test } from "vitest";
import { Client } from "../kit/jar.ts";
import { freshIp, poolOf, startScene, type Row, type Scene } from "./scene.ts";

let scene: Scene;

beforeAll(async () => {
  scene = await startScene({
    vars: (origins) => {
      const pool = (name: string, affinity: readonly unknown[]) =>
        poolOf(origins, { name, match: [`${name}.test/*`], affinity });
      return {
        POOLS: [
          pool("ours", ["cookie"]),
          pool("theirs", [{ by: "app-cookie", name: "SID", learn: "request" }]),
          pool("companion", [{ by: "app-cookie", name: "SID", pin: "cookie" }]),
          pool("wrapped", [{ by: "app-cookie", name: "SID", pin: "embed" }]),
          pool("head", ["header:X-Session"]),
          pool("query", ["query:sid"]),
          pool("room", [{ by: "path", pattern: "/rooms/:room/*", pin: "map" }]),
          pool("matrix", [{ by: "path", matrix: "jsessionid" }]),
          pool("net", ["ip"]),
        ],
      };
    },
  });
});

afterAll(() => scene.stop());

function clientOf(pool: string, ip = freshIp()): Client {
  return new Client(scene.url, { ip, headers: { host: `${pool}.test` } });
}

async function find(value: string, pool?: string): Promise<Row[]> {
  const answer = await scene.admin.request("/api/sessions/find", {
    method: "POST",
    body: JSON.stringify({ value, ...(pool === undefined ? {} : { pool }) }),
  });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return ((await answer.json()) as { sessions: Row[] }).sessions;
}

/** The one session that the pool has, with what the list says of it. */
async function only(pool: string): Promise<Row[]> {
  const rows = await scene.admin.sessions(`&pool=${pool}`);
  if (rows.length !== 1) throw new Error(`${pool} has ${rows.length} sessions`);
  return rows;
}

describe("POST /api/sessions/find", () => {
  test("finds a session by its id, in the pool that was asked for", async ({ expect }) => {
    const client = clientOf("ours");
    await client.get("/");
    const rows = await only("ours");
    const id = rows[0]?.id ?? "";
    expect(await find(id)).toEqual(rows);
    expect(await find(` ${id}\n`, "ours")).toEqual(rows);
    expect(await find(id, "theirs")).toEqual([]);
  });

  test("finds it by our cookie: the value, the pair, or the whole line", async ({ expect }) => {
    const client = clientOf("ours", "198.51.100.7");
    await client.get("/");
    const [token = ""] = client.cookies.values();
    const [name = ""] = client.cookies.keys();
    const [row] = await find(token);
    expect(row).toMatchObject({ pool: "ours", by: "cookie" });
    expect(await find(`${name}=${token}`)).toEqual([row]);
    expect(await find(`a=b; ${name}=${token}; c=d`)).toEqual([row]);
    expect(await find(`__Host-${name}=${token}`)).toEqual([row]);
  });

  const shown: readonly (readonly [string, (client: Client) => Promise<unknown>, string])[] = [
    ["theirs", (client) => client.request("/", { headers: { cookie: "SID=alpha" } }), "alpha"],
    ["head", (client) => client.request("/", { headers: { "x-session": "beta" } }), "beta"],
    ["query", (client) => client.get("/?a=1&sid=gam%20ma"), "gam%20ma"],
    ["room", (client) => client.get("/rooms/blue/x"), "blue"],
    ["matrix", (client) => client.get("/x;jsessionid=delta/y"), "delta"],
  ];

  test.for(shown)(
    "finds it by the value that %s reads",
    async ([pool, visit, value], { expect }) => {
      await visit(clientOf(pool));
      expect(await find(value)).toEqual(await only(pool));
    },
  );

  test("finds it by the address, in any spelling and anywhere in its network", async ({
    expect,
  }) => {
    await clientOf("net", "2001:db8::7").get("/");
    const rows = await only("net");
    expect(await find("2001:db8::7")).toEqual(rows);
    expect(await find("2001:0DB8:0:0:0:0:0:9")).toEqual(rows);
    expect(await find("2001:db9::7")).toEqual([]);
  });

  test.for(["companion", "wrapped"])(
    "finds it by what %s gave the client",
    async (pool, { expect }) => {
      const client = clientOf(pool);
      await client.get("/login?cookie=SID%3Depsilon");
      const rows = await only(pool);
      expect(await find(client.cookieHeader, pool)).toEqual(rows);
      const values = [...client.cookies.values()];
      const found = await Promise.all(values.map((value) => find(value, pool)));
      expect(found.flat()).toEqual(rows);
    },
  );

  test("keeps nothing of what was asked for", async ({ expect }) => {
    const before = await scene.admin.sessions();
    expect(await find("a-value-that-nobody-has-shown")).toEqual([]);
    expect(await find("A".repeat(22))).toEqual([]);
    expect(await find("\u00e9\n\u0000")).toEqual([]);
    expect(await scene.admin.sessions()).toEqual(before);
    expect(scene.router.log).not.toContain("a-value-that-nobody-has-shown");
  });

  test.for([{ value: "" }, { value: " " }, { value: 1 }, { value: "x".repeat(4097) }])(
    "refuses %j",
    async (body, { expect }) => {
      const answer = await scene.admin.request("/api/sessions/find", {
        method: "POST",
        body: JSON.stringify(body),
      });
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({
        detail: "value: expected a text of 1 to 4096 characters",
      });
    },
  );

  test("names what is missing", async ({ expect }) => {
    const answer = await scene.admin.request("/api/sessions/find", { method: "POST", body: "{}" });
    expect(await answer.json()).toMatchObject({
      status: 400,
      detail: "value: expected to be given",
    });
  });

  test("knows no pool that is not there, and no other method", async ({ expect }) => {
    const asked = (init: RequestInit) => scene.admin.request("/api/sessions/find", init);
    const body = JSON.stringify({ value: "x", pool: "none" });
    expect((await asked({ method: "POST", body })).status).toBe(404);
    const get = await asked({});
    expect([get.status, get.headers.get("allow")]).toEqual([405, "POST"]);
  });
});
