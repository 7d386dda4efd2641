import * as v from "valibot";

import { checkPools } from "../../config/config.ts";
import type { Problem } from "../../model.ts";
import { endpoint } from "../endpoint.ts";
import { fields, forecast } from "../schemas.ts";
import { consequences } from "../what-if.ts";

const POOLS = "a list of pools as in POOLS";

export const whatIfRoutes = [
  endpoint("POST", "/api/what-if", {
    id: "whatIf",
    examples: {
      body: { pools: [{ name: "default", origins: [{ url: "https://app-1.example.com" }] }] },
      answer: {
        moves: [{ pool: "default", from: "app-2", to: "app-1", sessions: 12, reason: "removed" }],
        exact: true,
      },
    },
    summary: "What another POOLS would do to the live sessions; changes nothing",
    body: fields({ pools: v.array(v.unknown(), POOLS) }),
    answer: forecast,
    async handle({ router, body, fetchers }) {
      const problems: Problem[] = [];
      const pools = checkPools(body.pools, fetchers, problems);
      if (problems.length > 0) return { value: { problems } };
      return { value: await consequences(router.pools, pools, Date.now()) };
    },
  }),
];
