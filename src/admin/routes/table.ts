import type { Endpoint } from "../endpoint.ts";
import { eventRoutes } from "./events.ts";
import { explainRoutes } from "./explain.ts";
import { metricRoutes } from "./metrics.ts";
import { openApiRoutes } from "./openapi.ts";
import { poolRoutes } from "./pools.ts";
import { sessionRoutes } from "./sessions.ts";
import { whatIfRoutes } from "./what-if.ts";

/** Everything the admin can be asked. A new route is an `endpoint` in a file of its own, and a line here. */
export const ROUTES: readonly Endpoint[] = [
  ...sessionRoutes,
  ...poolRoutes,
  ...eventRoutes,
  ...metricRoutes,
  ...explainRoutes,
  ...whatIfRoutes,
  ...openApiRoutes,
];
