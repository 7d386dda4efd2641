import * as v from "valibot";

import { endpoint } from "../endpoint.ts";
import { listEvents } from "../events.ts";
import { cursorOf, instant, limit } from "../schemas.ts";

const event = v.strictObject({
  time: instant,
  pool: v.string(),
  kind: v.string(),
  origin: v.nullable(v.string()),
  cause: v.string(),
});

export const eventRoutes = [
  endpoint("GET", "/api/events", {
    id: "listEvents",
    summary: "What happened to the pools, newest first",
    query: v.strictObject({
      limit,
      cursor: cursorOf(/^\d{1,16}\.\d{1,4}$/),
    }),
    answer: v.strictObject({ events: v.array(event), cursor: v.nullable(v.string()) }),
    handle: async ({ router, query }) => ({ value: await listEvents(router.pools, query) }),
  }),
];
