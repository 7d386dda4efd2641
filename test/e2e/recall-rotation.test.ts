import { afterEach, beforeEach, describe, test } from "vitest";
import type { Client, ClientAnswer } from "../kit/jar.ts";
import type { OriginAnswer } from "../kit/origin-routes.ts";
import { headerOf } from "../kit/raw-http.ts";
import { adminToken, secret, startScene, type Row, type Scene } from "./scene.ts";

const newer = "the-newer-end-to-end-secret-0123456789";
const rotated = { AFFINITY_SECRET: `${newer},${secret}`, ADMIN_TOKEN: adminToken };
const login = `/?cookie=${encodeURIComponent("SID=one; Path=/")}`;

let scene: Scene;

afterEach(() => scene.stop());

const originOf = (answer: ClientAnswer): string => answer.json<OriginAnswer>().origin;
const outcomeOf = (answer: ClientAnswer): string | undefined =>
  headerOf(answer, "affinity-status")?.split(";")[1]?.trim();

/** A session made under the old secret, as the operator sees it. */
async function session(path: string): Promise<{ client: Client; home: string; row: Row }> {
  const client = scene.client();
  const home = originOf(await client.get(path));
  const [row, ...more] = await scene.admin.sessions();
  if (row === undefined || more.length > 0) throw new Error("not one session");
  return { client, home, row };
}

async function patch(id: string, origin: string): Promise<number> {
  const answer = await scene.admin.request(`/api/sessions/${id}`, {
    method: "PATCH",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ origin }),
  });
  return answer.status;
}

describe.for([
  ["our cookie", ["cookie"], "/"],
  ["a companion", [{ by: "app-cookie", name: "SID", pin: "cookie" }], login],
] as const)("while the secret is rotated, a session in %s", ([, affinity, path]) => {
  beforeEach(async () => {
    scene = await startScene({ pool: { affinity }, vars: { EXPOSE: "status" } });
  });

  test("that is moved by its older name follows at once", async ({ expect }) => {
    const { client, home, row } = await session(path);
    await scene.router.kill9();
    await scene.router.restart({ secrets: rotated });
    const [listed] = await scene.admin.sessions();
    expect(listed).toMatchObject({ id: row.id, origin: home });
    const target = home === "app-3" ? "app-1" : "app-3";
    expect(await patch(row.id, target)).toBe(200);
    const next = await client.get("/");
    expect([outcomeOf(next), originOf(next)]).toEqual(["moved", target]);
    for (let n = 0; n < 3; n++) {
      const later = await client.get("/");
      expect([outcomeOf(later), originOf(later)]).toEqual(["hit", target]);
    }
  });

  test("that is released by its older name is over at once", async ({ expect }) => {
    const { client, row } = await session(path);
    const before = new Set(client.cookies.values());
    await scene.router.kill9();
    await scene.router.restart({ secrets: rotated });
    const answer = await scene.admin.request(`/api/sessions/${row.id}`, { method: "DELETE" });
    expect(answer.ok).toBe(true);
    const next = await client.get("/");
    // Free to go anywhere, it may come to the same origin again: as a new session.
    expect(["moved", "new"]).toContain(outcomeOf(next));
    expect(next.setCookies).toHaveLength(1);
    expect([...client.cookies.values()].filter((value) => !before.has(value))).toHaveLength(1);
    const later = await client.get("/");
    expect([outcomeOf(later), originOf(later)]).toEqual(["hit", originOf(next)]);
    const ids = (await scene.admin.sessions()).map(({ id }) => id);
    expect(ids).toHaveLength(1);
    expect(ids).not.toContain(row.id);
  });

  test("that has come back already, with a cookie of the new secret, follows as well", async ({
    expect,
  }) => {
    const { client, home, row } = await session(path);
    await scene.router.kill9();
    await scene.router.restart({ secrets: rotated });
    const back = await client.get("/");
    expect([outcomeOf(back), originOf(back)]).toEqual(["hit", home]);
    expect(back.setCookies).toHaveLength(1);
    const target = home === "app-3" ? "app-1" : "app-3";
    expect(await patch(row.id, target)).toBe(200);
    const next = await client.get("/");
    expect([outcomeOf(next), originOf(next)]).toEqual(["moved", target]);
  });
});
