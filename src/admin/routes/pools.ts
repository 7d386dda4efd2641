import * as v from "valibot";

import { parseDuration } from "../../config/duration.ts";
import { STATES } from "../../model.ts";
import type { OriginChange } from "../../pools/control.ts";
import { endpoint } from "../endpoint.ts";
import { allows } from "../etag.ts";
import { changeOrigin, hasOrigin, viewPool } from "../pools.ts";
import { fields, originView, poolView } from "../schemas.ts";

const STATE = 'one of "active", "draining", "disabled", or null';
const WEIGHT = "a whole number from 0 to 1000, or null";
const DEADLINE = 'a duration from 1s to 365d such as "5m", or "none"';
const LEAST_DEADLINE_MS = 1_000;
const MOST_DEADLINE_MS = 365 * 86_400_000;

export const originBody = v.pipe(
  fields({
    state: v.optional(v.nullable(v.picklist(STATES, STATE))),
    weight: v.optional(
      v.nullable(
        v.pipe(
          v.number(WEIGHT),
          v.integer(WEIGHT),
          v.minValue(0, WEIGHT),
          v.maxValue(1000, WEIGHT),
        ),
      ),
    ),
    deadline: v.optional(
      v.pipe(
        v.string(DEADLINE),
        v.check((given) => given === "none" || deadlineMs(given) !== null, DEADLINE),
      ),
    ),
  }),
  v.check((body) => Object.keys(body).length > 0, "at least one of state, weight and deadline"),
);

function deadlineMs(given: string): number | null {
  const durationMs = parseDuration(given);
  const fits =
    durationMs !== null && durationMs >= LEAST_DEADLINE_MS && durationMs <= MOST_DEADLINE_MS;
  return fits ? durationMs : null;
}

/** The change as the control object takes it. */
export function toChange({
  state,
  weight,
  deadline,
}: v.InferOutput<typeof originBody>): OriginChange {
  return {
    ...(state === undefined ? {} : { state }),
    ...(weight === undefined ? {} : { weight }),
    ...(deadline === undefined
      ? {}
      : { drainMs: deadline === "none" ? null : deadlineMs(deadline) }),
  };
}

export const poolRoutes = [
  endpoint("GET", "/api/pools", {
    id: "listPools",
    summary: "All pools with their origins",
    isTagged: true,
    answer: v.strictObject({ pools: v.array(poolView) }),
    handle: async ({ router }) => ({
      value: { pools: await Promise.all(router.pools.map(viewPool)) },
    }),
  }),

  endpoint("GET", "/api/pools/:pool", {
    id: "getPool",
    summary: "One pool with its origins",
    isTagged: true,
    failures: ["not_found"],
    answer: poolView,
    async handle({ router, params }) {
      const parts = router.pools.find(({ pool }) => pool.name === params.pool);
      return parts === undefined ? { code: "not_found" } : { value: await viewPool(parts) };
    },
  }),

  endpoint("PATCH", "/api/pools/:pool/origins/:origin", {
    id: "changeOrigin",
    examples: { body: { state: "draining", deadline: "10m" } },
    summary: "State, weight and drain deadline of an origin; null goes back to the configuration",
    isTagged: true,
    failures: ["not_found"],
    body: originBody,
    answer: originView,
    async handle({ router, params, body, request }) {
      const parts = router.pools.find(({ pool }) => pool.name === params.pool);
      if (parts === undefined || !hasOrigin(parts, params.origin)) return { code: "not_found" };
      const ifMatch = request.headers.get("if-match");
      const onlyIf = ifMatch === null || ifMatch.trim() === "*" ? null : untagged(ifMatch);
      const change = { ...toChange(body), ...(onlyIf === null ? {} : { onlyIf }) };
      const isMade = await changeOrigin(parts, params.origin, change);
      const { origins } = await viewPool(parts);
      const value = origins.find(({ name }) => name === params.origin);
      if (value === undefined) return { code: "not_found" };
      if (!isMade) {
        if (!allows(ifMatch, value.etag)) return { code: "precondition_failed" };
        return {
          code: "invalid_input",
          detail: "deadline: expected only for an origin that drains",
        };
      }
      return { value, tag: value.etag };
    },
  }),
];

/** The tags of an If-Match, without their quotes. */
function untagged(ifMatch: string): string[] {
  return ifMatch.split(",").map((tag) => tag.trim().replace(/^"(.*)"$/, "$1"));
}
