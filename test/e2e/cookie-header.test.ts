import { afterAll, beforeAll, describe, test } from "vitest";
import type { OriginAnswer } from "../kit/origin-routes.ts";
import { headersOf, type RawAnswer } from "../kit/raw-http.ts";
import { freshIp, issued, rawRequest, startScene, type Scene } from "./scene.ts";

let scene: Scene;
let token = "";
let home = "";

beforeAll(async () => {
  scene = await startScene();
  const answer = await scene.client().get("/");
  token = `affinity=${issued(answer)}`;
  home = answer.json<OriginAnswer>().origin;
});

afterAll(() => scene.stop());

const parse = (answer: RawAnswer) => JSON.parse(String(answer.body)) as OriginAnswer;
const send = async (...cookies: string[]) => {
  const answer = await rawRequest(scene.url, "GET /", [
    `CF-Connecting-IP: ${freshIp()}`,
    ...cookies.map((value) => `Cookie: ${value}`),
  ]);
  const { origin, headers } = parse(answer);
  const cookie = headers.filter(([name]) => name.toLowerCase() === "cookie");
  return { answer, origin, cookie: cookie.map(([, value]) => value) };
};

describe("the app's cookies reach the origin without ours", () => {
  const others = ["a=1", 'b="quoted; no"', "c=x=y==", "d=", "e", "f=%20+,|", "g=caf\xc3\xa9"];

  test.for([0, 3, others.length])("ours at place %i", async (at, { expect }) => {
    const line = [...others.slice(0, at), token, ...others.slice(at)].join("; ");
    const { answer, origin, cookie } = await send(line);
    expect([origin, headersOf(answer, "set-cookie")]).toEqual([home, []]);
    expect(cookie).toEqual([others.join("; ")]);
  });

  test("no Cookie line at all when ours was the only one", async ({ expect }) => {
    expect((await send(token)).cookie).toEqual([]);
    expect((await send(`${token};`)).cookie.join("")).not.toContain("affinity");
  });

  test("lines without our cookie pass byte for byte", async ({ expect }) => {
    for (const line of [
      "a=1;b=2;  c=3 ;d",
      "a=1; ; b=2;",
      "affinity2=x; xaffinity=y; Affinity=z",
      "=nameless; x=\xff\xfe",
      "a=affinity=1; b=2",
    ]) {
      expect((await send(line)).cookie).toEqual([line]);
    }
  });

  test("oddly spaced neighbours of ours stay as they are", async ({ expect }) => {
    expect((await send(`a=1;${token};b=2`)).cookie).toEqual(["a=1;b=2"]);
    const { origin, cookie } = await send(`a=1;   b="x  y" ;${token} ; c=3;d=4`);
    expect(origin).toBe(home);
    expect(cookie[0]).toMatch(/^a=1; {3}b="x {2}y" ?; ?c=3;d=4$/);
  });

  test("90 cookies and 16 kB of them pass whole", async ({ expect }) => {
    const ninety = Array.from({ length: 90 }, (_, n) => `cookie-${n}=value-${n}`);
    const heavy = Array.from({ length: 8 }, (_, n) => `heavy${n}=${String(n).repeat(2040)}`);
    for (const list of [ninety, heavy]) {
      const half = list.length / 2;
      const { answer, origin, cookie } = await send(
        [...list.slice(0, half), token, ...list.slice(half)].join("; "),
      );
      expect([origin, headersOf(answer, "set-cookie")]).toEqual([home, []]);
      expect(cookie).toEqual([list.join("; ")]);
    }
  });
});

describe("two Cookie lines", () => {
  test("both count: our cookie is found in any, and reaches the origin in none", async ({
    expect,
  }) => {
    for (const lines of [
      ["a=1", `${token}; b=2`],
      [`a=1; ${token}`, "b=2"],
      ["a=1", "b=2", token],
      [token, "a=1", "b=2"],
    ]) {
      const { answer, origin, cookie } = await send(...lines);
      expect([origin, headersOf(answer, "set-cookie")]).toEqual([home, []]);
      // The runtime joins the lines with a comma, which only our own cookie could tell apart.
      expect(cookie.join("; ")).toMatch(/^a=1[,;] b=2$/);
    }
  });

  test("with ours at the border, the app gets both of its cookies", async ({ expect }) => {
    expect((await send("a=1", `${token}; b=2`)).cookie).toEqual(["a=1; b=2"]);
    expect((await send(`a=1; ${token}`, "b=2")).cookie).toEqual(["a=1; b=2"]);
  });

  test("a comma inside a value is no border between cookies", async ({ expect }) => {
    const { origin, cookie } = await send(`prefs=a, b; ${token}`);
    expect([origin, cookie]).toEqual([home, ["prefs=a, b"]]);
  });
});
