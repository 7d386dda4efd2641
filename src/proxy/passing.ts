import type { Arrival } from "../arrival.ts";

/**
 * Requests that follow an existing pin but never make one: CORS preflights, which carry no cookie
 * and would make a rival pin, and prefetches, which the user may never see.
 */
export function isPassing({ method, headers }: Arrival): boolean {
  if (method === "OPTIONS") return headers.has("access-control-request-method");
  const purpose = headers.get("sec-purpose") ?? headers.get("purpose") ?? headers.get("x-moz");
  return purpose !== null && /\bprefetch\b/i.test(purpose);
}
