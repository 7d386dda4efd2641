import { endpoint } from "../endpoint.ts";
import document from "../openapi.json" with { type: "json" };

export const openApiRoutes = [
  endpoint("GET", "/openapi.json", {
    id: "getOpenApi",
    summary: "This API as an OpenAPI 3.1 document",
    answer: "application/json",
    handle: async ({ request }) => {
      const { pathname } = new URL(request.url);
      const servers = [{ url: pathname.slice(0, -"/openapi.json".length) }];
      return Response.json({ ...document, servers });
    },
  }),
];
