import { requestIdOf } from "./arrival.ts";
import type { PoolParts, Router } from "./assemble.ts";
import type { Sent } from "./exchange.ts";
import type { Background } from "./model.ts";
import type { Failure, Outcome } from "./outcome.ts";
import { outcomeOf } from "./status.ts";
import type { Trip } from "./trip.ts";

/** What is kept of a request once its answer is known: counters and a line in the log. */

/** Outcomes that only a sample of is logged: a line for each would cost half the throughput. */
const PLAIN: ReadonlySet<Outcome> = new Set(["hit", "new", "none", "skip"]);

/** Counts the request, and logs it if it is of those that leave a line. */
export function observe({ config }: Router, trip: Trip, sent: Sent, status: number): void {
  const { placement, attempts } = sent;
  const { meter, pool } = trip.parts;
  const outcome = outcomeOf(placement);
  const ms = Date.now() - trip.arrival.now;
  const placed = placement.kind === "placed" ? placement : null;
  // Who answered, which after failed retries may be another than has the session.
  const origin =
    sent.kind === "answered" ? sent.origin.name : (placed?.standing.origin.name ?? null);
  meter.count(origin ?? "", outcome, status, ms);
  if (attempts > 1) meter.retried(attempts - 1);
  if (sent.kind === "failed") meter.failed(origin ?? "", sent.failure.code);
  else if (placed?.moved && sent.pins && outcome !== "detour") {
    meter.moved(placed.moved.from, placed.moved.reason);
  }

  const { changes, share } = config.log;
  const isPlain = sent.kind === "answered" && PLAIN.has(outcome);
  if (!changes || (isPlain && (share === 0 || Math.random() >= share))) return;
  write(trip.arrival.headers, {
    pool: pool.name,
    rule: placement.kind === "nobody" ? null : (placement.rule?.id ?? null),
    outcome,
    origin,
    ...(placed?.moved ? { from: placed.moved.from, reason: placed.moved.reason } : {}),
    ...(sent.kind === "failed" ? { failure: sent.failure.code } : {}),
    attempts,
    status,
    ms,
  });
}

/** The same for a request that no origin was looked for; `parts` null if no pool took it either. */
export function observeRefusal(
  { config, pools, refusals }: Router,
  parts: PoolParts | null,
  headers: Headers,
  { code }: Failure,
  status: number,
  background: Background,
): void {
  if (parts !== null) {
    parts.meter.count("", "none", status, 0);
    parts.meter.failed("", code);
  } else if (refusals.count(code, Date.now())) {
    // Where all requests are refused, no view is fetched that could take the counts along.
    background(pools[0]?.report() ?? Promise.resolve());
  }
  if (!config.log.changes) return;
  write(headers, {
    pool: parts?.pool.name ?? null,
    rule: null,
    outcome: "none",
    origin: null,
    failure: code,
    attempts: 0,
    status,
    ms: 0,
  });
}

/** Names and numbers only: no path, no key, no address. */
function write(headers: Headers, about: Readonly<Record<string, string | number | null>>): void {
  console.log(JSON.stringify({ message: "request", request_id: requestIdOf(headers), ...about }));
}
