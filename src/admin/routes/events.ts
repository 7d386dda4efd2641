import * as v from "valibot";

import { endpoint } from "../endpoint.ts";
import { listEvents } from "../events.ts";
import { cursorOf, eventView, limit } from "../schemas.ts";

export const eventRoutes = [
  endpoint("GET", "/api/events", {
    id: "listEvents",
    summary: "What happened to the pools, newest first",
    query: v.strictObject({
      limit,
      cursor: cursorOf(/^\d{1,16}\.\d{1,4}$/),
    }),
    answer: v.strictObject({ events: v.array(eventView), cursor: v.nullable(v.string()) }),
    handle: async ({ router, query }) => ({ value: await listEvents(router.pools, query) }),
  }),
];
