import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { OriginAnswer } from "../kit/origin-routes.ts";
import { headersOf, type RawAnswer } from "../kit/raw-http.ts";
import { startRouter } from "../kit/workerd.ts";
import { adminToken, freshIp, issued, poolOf, rawRequest, secret, startScene } from "./scene.ts";
import type { Scene } from "./scene.ts";

const second = "another-secret-0123456789-0123456789-abcdef";
let scene: Scene;

beforeAll(async () => {
  scene = await startScene();
});

afterAll(() => scene.stop());

const origin = (answer: RawAnswer) => (JSON.parse(String(answer.body)) as OriginAnswer).origin;
const seenCookie = (answer: RawAnswer) =>
  (JSON.parse(String(answer.body)) as OriginAnswer).headers.find(
    ([name]) => name.toLowerCase() === "cookie",
  )?.[1];
const send = (cookies: string | readonly string[], url = scene.url) =>
  rawRequest(url, "GET /", [
    `CF-Connecting-IP: ${freshIp()}`,
    ...[cookies].flat().map((value) => `Cookie: ${value}`),
  ]);

/** A session pinned to this origin. */
async function tokenFor(name: string): Promise<string> {
  for (let n = 0; n < 20; n++) {
    const answer = await scene.client().get("/");
    if (origin(answer) === name) return issued(answer) ?? "";
  }
  throw new Error(`round robin never reached ${name}`);
}

/** A further router in front of the same origins, with storage of its own. */
const another = (affinitySecret: string, pool: object = {}) =>
  startRouter({
    vars: { POOLS: [poolOf(scene.origins, { ...pool })] },
    secrets: { AFFINITY_SECRET: affinitySecret, ADMIN_TOKEN: adminToken },
  });

describe("a token that is not ours", () => {
  test("in any of its characters is treated as absent", { timeout: 60_000 }, async ({ expect }) => {
    const token = await tokenFor("app-1");
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    // The upper bit of a character: in the last one, base64 leaves the lower ones unused.
    for (let at = 0; at < token.length; at++) {
      const other = alphabet[alphabet.indexOf(token[at] ?? "") ^ 32];
      const answer = await send(`affinity=${token.slice(0, at)}${other}${token.slice(at + 1)}`);
      expect([at, answer.status, typeof issued(answer)]).toEqual([at, 200, "string"]);
      expect(issued(answer)).not.toBe(token);
    }
  });

  const strange: readonly (readonly [string, (token: string) => string])[] = [
    ["empty", () => ""],
    ["one character", () => "A"],
    ["cut short by one", (token) => token.slice(0, -1)],
    ["cut in half", (token) => token.slice(0, token.length / 2)],
    ["made longer by one", (token) => `${token}A`],
    ["twice itself", (token) => token + token],
    ["padded", (token) => `${token}=`],
    ["percent-encoded", (token) => `%41${token.slice(1)}`],
    ["8 kB long", () => "A".repeat(8192)],
    ["not base64", () => "{}[]()<>@:?/\\"],
    ["bytes above ASCII", () => "\xe4\xf6\xfc\xff"],
    ["a JSON object", () => '{"alg":"none"}'],
    ["an origin's name", () => "app-1"],
    ["an origin's index", () => "1"],
    ["__proto__", () => "__proto__"],
  ];

  test.for(strange)("%s: a new cookie, never an error", async ([, make], { expect }) => {
    const token = await tokenFor("app-1");
    const answer = await send(`a=1; affinity=${make(token)}; b=2`);
    expect([answer.status, seenCookie(answer)]).toEqual([200, "a=1; b=2"]);
    expect(issued(answer)).toMatch(/^[\w-]{20,128}$/);
    expect((await send(`affinity=${issued(answer)}`)).headers.map(([name]) => name)).not.toContain(
      "Set-Cookie",
    );
  });

  test("signed with another secret, or for another pool, makes a new session", async ({
    expect,
  }) => {
    const token = await tokenFor("app-2");
    const routers = await Promise.all([another(second), another(secret, { name: "other" })]);
    try {
      const [foreign, pooled] = await Promise.all([
        send(`affinity=${token}`, routers[0].url),
        send([`affinity=${token}; affinity-other=${token}`], routers[1].url),
      ]);
      expect([foreign.status, pooled.status]).toEqual([200, 200]);
      expect(issued(foreign)).toMatch(/^[\w-]+$/);
      expect(issued(pooled, "affinity-other")).toMatch(/^[\w-]+$/);
    } finally {
      await Promise.all(routers.map((router) => router.stop()));
    }
  });

  test("naming an origin that is gone moves the session, and keeps to the new one", async ({
    expect,
  }) => {
    const token = await tokenFor("app-3");
    const router = await startRouter({
      vars: { POOLS: [poolOf(scene.origins.slice(0, 2))] },
      secrets: { AFFINITY_SECRET: secret },
    });
    try {
      const moved = await send(`affinity=${token}`, router.url);
      expect(["app-1", "app-2"]).toContain(origin(moved));
      const again = await send(`affinity=${issued(moved)}`, router.url);
      expect([origin(again), headersOf(again, "set-cookie")]).toEqual([origin(moved), []]);
    } finally {
      await router.stop();
    }
  });
});

describe("several copies of the cookie", () => {
  test("the newest valid one counts, wherever it stands", async ({ expect }) => {
    const old = await tokenFor("app-1");
    // Times in a token may be whole seconds.
    await sleep(1100);
    const recent = await tokenFor("app-2");
    const forged = `${recent.slice(0, -4)}AAAA`;
    for (const cookies of [
      `affinity=${old}; affinity=${recent}`,
      `affinity=${recent}; affinity=${old}`,
      `affinity=${forged}; x=1; affinity=${old}; affinity=${recent}; affinity=`,
      [`affinity=${old}`, `affinity=${recent}`],
      [`affinity=${recent}`, `affinity=${old}; affinity=${forged}`],
    ]) {
      const answer = await send(cookies);
      expect([origin(answer), headersOf(answer, "set-cookie")]).toEqual(["app-2", []]);
      expect(seenCookie(answer) ?? "").not.toContain("affinity");
    }
  });
});

describe("routers that share a secret", () => {
  test("accept each other's pins, also with the origins in another order", async ({ expect }) => {
    const tokens: string[] = [];
    for (const { name } of scene.origins) tokens.push(await tokenFor(name));
    const origins = [...scene.origins].reverse().map(({ name, url }) => ({ name, url }));
    const router = await another(secret, {
      origins: [{ name: "app-0", url: scene.origins[0]?.url }, ...origins],
    });
    try {
      for (const [at, { name }] of scene.origins.entries()) {
        const answer = await send(`affinity=${tokens[at]}`, router.url);
        expect([origin(answer), headersOf(answer, "set-cookie")]).toEqual([name, []]);
      }
    } finally {
      await router.stop();
    }
  });

  test("a rotation loses no pin: all keys verify, the first one signs", async ({ expect }) => {
    const token = await tokenFor("app-2");
    const sessions = { lease: "1s", idle: "1m" };
    const during = await another(`${second},${secret}`, { sessions });
    const after = await another(second, { sessions });
    try {
      const accepted = await send(`affinity=${token}`, during.url);
      expect(origin(accepted)).toBe("app-2");
      await sleep(1100);
      const renewed = await send(`affinity=${issued(accepted) ?? token}`, during.url);
      expect([origin(renewed), typeof issued(renewed)]).toEqual(["app-2", "string"]);
      const rotated = await send(`affinity=${issued(renewed)}`, after.url);
      expect([origin(rotated), headersOf(rotated, "set-cookie")]).toEqual(["app-2", []]);
      expect(issued(await send(`affinity=${token}`, after.url))).toMatch(/^[\w-]+$/);
    } finally {
      await Promise.all([during.stop(), after.stop()]);
    }
  });
});
