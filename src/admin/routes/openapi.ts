import { endpoint, type Endpoint } from "../endpoint.ts";
import { openApi } from "../openapi.ts";

/** `routes` is asked for when it is there: this one is among them. */
export const openApiRoutes = (routes: () => readonly Endpoint[]) => [
  endpoint("GET", "/openapi.json", {
    id: "getOpenApi",
    summary: "This API as an OpenAPI 3.1 document",
    answer: "application/json",
    handle: async ({ request }) => {
      const { pathname } = new URL(request.url);
      return Response.json(openApi(routes(), pathname.slice(0, -"/openapi.json".length)));
    },
  }),
];
