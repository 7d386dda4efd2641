import { describe, test } from "vitest";

import document from "../../../src/admin/openapi.json" with { type: "json" };
import { openApi } from "../../../src/admin/openapi.ts";
import { openApiRoutes } from "../../../src/admin/routes/openapi.ts";
import { ROUTES } from "../../../src/admin/routes/table.ts";

describe("src/admin/openapi.json", () => {
  test("is what `npm run openapi` makes of the routes and their schemas", ({ expect }) => {
    expect(document).toEqual(openApi(ROUTES));
  });

  test("is answered with the path of the admin that was asked", async ({ expect }) => {
    const request = new Request("https://shop.example.com/ops/limpet/openapi.json");
    const call = { request } as Parameters<(typeof ROUTES)[number]["handle"]>[0];
    const answer = (await openApiRoutes[0]?.handle(call)) as Response;
    expect(await answer.json()).toEqual({ ...document, servers: [{ url: "/ops/limpet" }] });
  });
});
