import { afterAll, beforeAll, describe, test } from "vitest";
import type { OriginAnswer } from "../kit/origin-routes.ts";
import { startScene, type Page, type Row, type Scene } from "./scene.ts";

let scene: Scene;
const homes: string[] = [];

beforeAll(async () => {
  scene = await startScene();
  for (let n = 0; n < 9; n++) {
    const client = scene.client();
    homes.push((await client.get("/")).json<OriginAnswer>().origin);
  }
});

afterAll(() => scene.stop());

const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe("the session map that the admin sees", () => {
  test("has one row per client, with its origin and its times", async ({ expect }) => {
    const rows = await scene.admin.sessions();
    expect(rows.map(({ origin }) => origin).sort()).toEqual([...homes].sort());
    expect(new Set(rows.map(({ id }) => id)).size).toBe(9);
    for (const row of rows) {
      expect(Object.keys(row).sort()).toEqual(
        ["by", "created", "expires", "id", "origin", "pool", "seen"].sort(),
      );
      expect([row.pool, row.by]).toEqual(["default", "cookie"]);
      for (const time of [row.created, row.seen, row.expires]) expect(time).toMatch(instant);
      expect(Date.parse(row.created)).toBeLessThanOrEqual(Date.parse(row.seen));
      // Unused, it ends after the idle time: 30 minutes by default.
      expect(Date.parse(row.expires) - Date.parse(row.seen)).toBe(30 * 60_000);
    }
  });

  test("counts the sessions of each origin", async ({ expect }) => {
    const { pools } = await scene.admin.get<{
      pools: { name: string; origins: { name: string; sessions: number }[] }[];
    }>("/api/pools");
    expect(pools.map(({ name }) => name)).toEqual(["default"]);
    const counts = pools[0]?.origins.map(({ name, sessions }) => [name, sessions]);
    expect(counts).toEqual(
      ["app-1", "app-2", "app-3"].map((name) => [name, homes.filter((h) => h === name).length]),
    );
  });

  test.for([1, 2, 4, 9, 100])(
    "comes whole in pages of %i, no row twice",
    async (limit, { expect }) => {
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const next: string = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
        const page: Page = await scene.admin.get<Page>(`/api/sessions?limit=${limit}${next}`);
        expect(page.sessions.length).toBeLessThanOrEqual(limit);
        // A cursor promises more.
        if (page.cursor) expect(page.sessions).toHaveLength(limit);
        seen.push(...page.sessions.map(({ id }) => id));
        cursor = page.cursor;
      } while (cursor);
      expect(new Set(seen).size).toBe(9);
      expect(seen).toHaveLength(9);
    },
  );

  test("is filtered by pool, origin and rule", async ({ expect }) => {
    for (const name of ["app-1", "app-2", "app-3"]) {
      const rows = await scene.admin.sessions(`&origin=${name}`);
      expect(rows.map(({ origin }) => origin)).toEqual(homes.filter((home) => home === name));
    }
    expect(await scene.admin.sessions("&pool=default&by=cookie")).toHaveLength(9);
    expect(await scene.admin.sessions("&by=ip")).toEqual([]);
    expect(await scene.admin.sessions("&pool=default&origin=app-1&by=cookie&limit=1")).not.toEqual(
      [],
    );
  });

  test("shows one session by its id", async ({ expect }) => {
    const [row] = await scene.admin.sessions();
    expect(await scene.admin.get<Row>(`/api/sessions/${row?.id}`)).toEqual(row);
    for (const id of ["nope", "A".repeat(22), "%2e%2e", "A".repeat(5000)]) {
      const answer = await scene.admin.request(`/api/sessions/${id}`);
      expect([id.slice(0, 30), answer.status]).toEqual([id.slice(0, 30), 404]);
    }
  });

  test.for([
    "limit=0",
    "limit=-1",
    "limit=x",
    "limit=1e9",
    "cursor=!!!",
    "cursor=AAAA",
    "colour=red",
  ])("answers ?%s with a problem, not with a guess", async (query, { expect }) => {
    const answer = await scene.admin.request(`/api/sessions?${query}`);
    expect(answer.status).toBe(400);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
  });
});

describe("a release", () => {
  test("of one session takes effect with the client's next request", async ({ expect }) => {
    const client = scene.client();
    await client.get("/");
    const ids = async () => new Set((await scene.admin.sessions()).map(({ id }) => id));
    const before = await ids();
    // The newest row is this client's.
    const rows = await scene.admin.sessions();
    const [row] = rows.sort((a, b) => b.created.localeCompare(a.created));
    const answer = await scene.admin.request(`/api/sessions/${row?.id}`, { method: "DELETE" });
    expect(answer.ok).toBe(true);
    expect((await scene.admin.request(`/api/sessions/${row?.id}`)).status).toBe(404);
    expect((await ids()).size).toBe(before.size - 1);
    const token = client.cookies.get("affinity");
    const next = await client.get("/");
    expect(next.setCookies).toHaveLength(1);
    expect(client.cookies.get("affinity")).not.toBe(token);
    expect((await client.get("/")).setCookies).toEqual([]);
    expect((await ids()).has(row?.id ?? "")).toBe(false);
  });
});
