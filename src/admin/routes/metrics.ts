import { CONTENT_TYPE } from "../../metrics/exposition.ts";
import { endpoint } from "../endpoint.ts";
import { readMetrics } from "../metrics.ts";

export const metricRoutes = [
  endpoint("GET", "/metrics", {
    id: "readMetrics",
    summary: "Counters and gauges of all pools, in the Prometheus text format",
    answer: "text/plain",
    handle: async ({ router }) =>
      new Response(await readMetrics(router.pools), { headers: { "Content-Type": CONTENT_TYPE } }),
  }),
];
