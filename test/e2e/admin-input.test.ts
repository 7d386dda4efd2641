import { afterAll, beforeAll, describe, test } from "vitest";
import { startScene, type Scene } from "./scene.ts";

let scene: Scene;

beforeAll(async () => {
  scene = await startScene({ names: ["app-1", "app-2"] });
  for (let n = 0; n < 3; n++) await scene.client().get("/");
});

afterAll(() => scene.stop());

async function detailOf(path: string, init: RequestInit = {}): Promise<[number, unknown]> {
  const answer = await scene.admin.request(path, init);
  const { code, detail } = (await answer.json()) as { code?: string; detail?: string };
  return [answer.status, code === "invalid_input" ? detail : code];
}

describe("a query", () => {
  test("with a parameter twice is refused, even if both say the same", async ({ expect }) => {
    expect(await detailOf("/api/sessions?origin=app-1&origin=app-1")).toEqual([
      400,
      "origin: given more than once",
    ]);
    expect(await detailOf("/api/events?limit=1&limit=2")).toEqual([
      400,
      "limit: given more than once",
    ]);
  });

  test("that releases, given twice, releases nothing", async ({ expect }) => {
    const before = await scene.admin.sessions();
    const [status] = await detailOf("/api/sessions?origin=app-1&origin=app-2", {
      method: "DELETE",
    });
    expect(status).toBe(400);
    expect(await scene.admin.sessions()).toEqual(before);
  });

  test("with an unknown parameter is refused by name, on every route", async ({ expect }) => {
    for (const path of ["/api/sessions", "/api/pools", "/api/pools/default", "/api/events"]) {
      expect(await detailOf(`${path}?colour=blue`)).toEqual([400, 'unknown field "colour"']);
    }
  });

  test("is told of all its mistakes at once", async ({ expect }) => {
    const [status, detail] = await detailOf("/api/sessions?limit=0&by=colour&x=1");
    expect(status).toBe(400);
    for (const word of ["limit", "by", '"x"']) expect(detail).toContain(word);
  });
});

describe("a body", () => {
  const patch = (body: string) =>
    detailOf("/api/pools/default/origins/app-1", { method: "PATCH", body });

  test.for(["", "nothing", "[]", "null", "1", '{"state":'])(
    "that is no JSON object is refused: %j",
    async (body, { expect }) => {
      expect(await patch(body)).toEqual([400, "input: expected a JSON object"]);
    },
  );

  test("with an unknown field is refused by name", async ({ expect }) => {
    expect(await patch('{"state":"active","colour":"blue"}')).toEqual([
      400,
      'unknown field "colour"',
    ]);
  });

  test("of more than a mebibyte is refused", async ({ expect }) => {
    expect(await patch(`{"state":"${"x".repeat(1 << 20)}"}`)).toEqual([
      400,
      "input: expected at most 1 MiB",
    ]);
  });
});
