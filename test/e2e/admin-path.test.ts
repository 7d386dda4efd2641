import { afterAll, beforeAll, describe, test } from "vitest";
import { headerOf } from "../kit/raw-http.ts";
import { adminToken, rawRequest, startScene, type Scene } from "./scene.ts";

/** On plain workerd, byte for byte: what reaches the admin, what an origin, and what nobody. */

let scene: Scene;

beforeAll(async () => {
  scene = await startScene({ names: ["app-1"] });
  await scene.client().get("/");
});

afterAll(() => scene.stop());

const token = [`Authorization: Bearer ${adminToken}`];

describe("other spellings of the admin's path", () => {
  test.for([
    "//__limpet/api/pools",
    "///__limpet/api/pools",
    "/%5F_limpet/api/pools",
    "/%255F_limpet/api/pools",
    "/__LIMPET/api/pools",
    "/x/../__limpet/api/pools",
    "/x/%2e%2e/__limpet/api/pools",
    "/./__limpet/api/pools",
    "/x/..%2f__limpet/api/pools",
    "/%2f__limpet/api/pools",
    "/__limpet;v=1/api/pools",
    "/__limpet%2fapi%2fpools",
    "/\\__limpet/api/pools",
    "/x\\..\\__limpet/api/pools",
  ])("%s reaches neither the admin nor an origin", async (target, { expect }) => {
    const [origin] = scene.origins;
    origin?.clear();
    for (const lines of [token, []]) {
      const answer = await rawRequest(scene.url, `GET ${target}`, lines);
      expect(answer.status).toBe(404);
      expect(headerOf(answer, "content-type")).toBe("application/problem+json");
      expect(String(answer.body)).not.toContain("origins");
    }
    expect(origin?.requests).toEqual([]);
  });

  test.for(["/__limpetx/api", "/x/__limpet", "/?next=/__limpet/api", "/__limpet.html"])(
    "%s is the application's",
    async (target, { expect }) => {
      const answer = await rawRequest(scene.url, `GET ${target}`);
      expect(JSON.parse(String(answer.body))).toMatchObject({ url: target });
    },
  );

  test("what the admin's path resolves to elsewhere is still the admin's", async ({ expect }) => {
    const [origin] = scene.origins;
    origin?.clear();
    for (const target of ["/__limpet/../secret", "/__limpet/..%2fsecret", "/__limpet/..;/secret"]) {
      const answer = await rawRequest(scene.url, `GET ${target}`, token);
      expect([target, answer.status]).toEqual([target, 404]);
    }
    expect(origin?.requests).toEqual([]);
  });
});
