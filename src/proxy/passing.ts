import type { Arrival } from "../shared/arrival.ts";
import type { Failure } from "../outcome.ts";
import { handshakeFlaw } from "./forward.ts";
import { isLoop } from "./headers.ts";

/** What is answered before anything is looked up; null for nearly every request. */
export function refusalOf(arrival: Arrival, hops: number): Failure | null {
  if (arrival.method === "TRACE" || arrival.method === "CONNECT") {
    return { code: "method_not_allowed", allow: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" };
  }
  // What can't be a host must not get into a header as one.
  if (!/^[\w.:[\]-]{1,255}$/.test(arrival.host)) return { code: "bad_request", status: 400 };
  if (isLoop(hops)) return { code: "loop" };
  const flaw = handshakeFlaw(arrival);
  return flaw === null ? null : { code: "bad_request", status: flaw };
}

/**
 * Requests that follow an existing pin but never make one: CORS preflights, which carry no cookie
 * and would make a rival pin, and prefetches, which the user may never see.
 */
export function isPassing({ method, headers }: Arrival): boolean {
  if (method === "OPTIONS") return headers.has("access-control-request-method");
  const purpose = headers.get("sec-purpose") ?? headers.get("purpose") ?? headers.get("x-moz");
  return purpose !== null && /\bprefetch\b/i.test(purpose);
}
