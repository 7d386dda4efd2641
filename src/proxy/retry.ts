import type { Arrival } from "../shared/arrival.ts";
import type { FailoverSettings } from "../model.ts";
import type { Attempt } from "./forward.ts";

/** When a request may be sent again. */

/** No further attempt begins this many timeouts after the first one. */
export const BUDGET_TIMEOUTS = 2;

/**
 * The platform reports "never connected" and "died after reading the POST" alike, so only what is safe
 * to repeat is repeated: safe methods, and requests that carry an Idempotency-Key.
 */
export function isRepeatable({ method, headers }: Arrival): boolean {
  if (method === "GET" || method === "HEAD" || method === "OPTIONS") return true;
  return headers.has("idempotency-key");
}

/** Whether the attempt got an answer that no other origin could better. */
export function isGood(
  attempt: Attempt,
  { retryStatus }: FailoverSettings,
): attempt is Extract<Attempt, { kind: "answered" }> {
  return attempt.kind === "answered" && !retryStatus.includes(attempt.response.status);
}
