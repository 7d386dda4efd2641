import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import { Client } from "../kit/jar.ts";
import { startOrigin, type Origin } from "../kit/origins.ts";
import { startRouter, type Router } from "../kit/workerd.ts";
import { Admin, adminToken, poolOf, secret } from "./scene.ts";

const storage = mkdtempSync(join(tmpdir(), "limpet-privacy-"));
const ids = {
  cookie: "appcookie-5c1d0e7f-plain",
  header: "headerid-91ab33c0-plain",
  query: "queryid-77fe02d1-plain",
  matrix: "matrixid-40b7aa95-plain",
  room: "roomname-2f8e6d13-plain",
};
const ips = { v4: "203.0.113.197", v6: "2001:db8:77aa:31bc::9" };

let origins: readonly Origin[];
let router: Router;

beforeAll(async () => {
  origins = await Promise.all(["a", "b", "c"].map((name) => startOrigin({ name })));
  const affinity = [
    { by: "app-cookie", name: "SID" },
    { by: "header", name: "X-Key" },
    { by: "query", name: "sid" },
    { by: "path", matrix: "jsessionid", pin: "map" },
    { by: "path", pattern: "/rooms/:room", pin: "map" },
    { by: "ip" },
    { by: "cookie" },
  ];
  router = await startRouter({
    storage,
    secrets: { AFFINITY_SECRET: secret, ADMIN_TOKEN: adminToken },
    vars: { EXPOSE: "status", POOLS: [poolOf(origins, { affinity })] },
  });
  for (const ip of Object.values(ips)) {
    const client = new Client(router.url, { ip, headers: { "x-key": ids.header } });
    await client.get(`/?sid=${ids.query}&cookie=SID%3D${ids.cookie}`);
    await client.get(`/x;jsessionid=${ids.matrix}?sid=${ids.query}`);
    await client.get(`/rooms/${ids.room};jsessionid=${ids.matrix}`);
    await client.get(`/rooms/${ids.room}`);
  }
});

afterAll(async () => {
  await router?.stop();
  await Promise.all((origins ?? []).map((origin) => origin.stop()));
  rmSync(storage, { recursive: true, force: true });
});

/** What would give a secret away: itself, in the usual encodings, or hashed without a key. */
function shapesOf(text: string): Buffer[] {
  const bytes = Buffer.from(text);
  const hashes = ["md5", "sha1", "sha256"].map((name) => createHash(name).update(bytes).digest());
  return [
    bytes,
    Buffer.from(text, "utf16le"),
    ...[bytes, ...hashes].flatMap((one) => [
      Buffer.from(one.toString("hex")),
      Buffer.from(one.toString("base64").replaceAll("=", "")),
      Buffer.from(one.toString("base64url")),
    ]),
    ...hashes,
  ];
}

const secrets = [
  ...Object.values(ids),
  ...Object.values(ips),
  "203.0.113.197/32",
  "2001:db8:77aa:31bc::",
  "2001:db8:77aa:31bc",
  "77aa:31bc",
];

/** The secrets that can be found in `bytes`, in any shape. */
const leaks = (bytes: Buffer): string[] =>
  secrets.filter((text) => shapesOf(text).some((shape) => bytes.includes(shape)));

describe("the ID of an app's session or a client's address", () => {
  it("would be noticed by these tests", ({ expect }) => {
    const hash = createHash("sha256").update(ids.header).digest("hex");
    expect(leaks(Buffer.from(`x ${ids.cookie} ${hash} ${ips.v4}`))).toEqual([
      ids.cookie,
      ids.header,
      ips.v4,
    ]);
  });

  it("is not in the admin API: sessions, one session, events, pools, metrics, explain", async ({
    expect,
  }) => {
    const admin = new Admin(router.url);
    const sessions = await admin.sessions();
    expect(new Set(sessions.map(({ by }) => by))).toEqual(
      new Set(["app-cookie", "header", "query", "path", "ip", "cookie"]),
    );
    const paths = ["/api/sessions?limit=100", "/api/events", "/api/pools"];
    const texts = [];
    for (const path of [...paths, ...sessions.map(({ id }) => `/api/sessions/${id}`)]) {
      const answer = await admin.request(path);
      expect(answer.status, path).toBe(200);
      texts.push(await answer.text());
    }
    expect(leaks(Buffer.from(texts.join("\n")))).toEqual([]);
    expect(leaks(Buffer.from(await (await admin.request("/metrics")).text()))).toEqual([]);
    const explained = await admin.request("/api/explain", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        url: "http://any.test/",
        headers: { "X-Key": ids.header, Cookie: `SID=${ids.cookie}` },
        ip: ips.v4,
      }),
    });
    expect(leaks(Buffer.from(await explained.text()))).toEqual([]);
  });

  it("is not in any answer or Affinity-Status", async ({ expect }) => {
    const client = new Client(router.url, { ip: ips.v4, headers: { "x-key": ids.header } });
    const answer = await client.get("/status/200", { cookie: `SID=${ids.cookie}` });
    expect(leaks(Buffer.from(JSON.stringify(answer.headers)))).toEqual([]);
  });

  it("is not in the log, not even after something went wrong", async ({ expect }) => {
    await Promise.all(origins.map((origin) => origin.fail({ mode: "reset" })));
    const client = new Client(router.url, { ip: ips.v6, headers: { "x-key": ids.header } });
    expect((await client.get(`/rooms/${ids.room}?sid=${ids.query}`)).status).toBeGreaterThan(499);
    await Promise.all(origins.map((origin) => origin.heal()));
    expect(leaks(Buffer.from(router.log))).toEqual([]);
  });

  it("is nowhere on disk", async ({ expect }) => {
    await router.kill9();
    const files = readdirSync(storage, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    expect(files.filter((file) => file.includes("SessionMap")).length).toBeGreaterThan(0);
    for (const file of files) expect(leaks(readFileSync(file)), file).toEqual([]);
    const all = Buffer.concat(files.map((file) => readFileSync(file)));
    expect(all.includes("app-cookie")).toBe(true);
    await router.restart();
  });
});
