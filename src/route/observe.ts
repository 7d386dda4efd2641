import { requestIdOf } from "../shared/arrival.ts";
import type { PoolParts, Router } from "../assembly/assemble.ts";
import type { Sent } from "./exchange.ts";
import { dataPoint } from "../metrics/data-point.ts";
import type { Background, LogSettings } from "../model.ts";
import type { Failure, Outcome } from "../outcome.ts";
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

  const isLogged = mayLog(config.log, sent, outcome);
  const { dataset } = config;
  if (!isLogged && dataset === null) return;
  const failure = sent.kind === "failed" ? sent.failure.code : null;
  const moved = placed?.moved ?? null;
  const rule = placement.kind === "nobody" ? null : (placement.rule?.id ?? null);
  const about = { pool: pool.name, rule, outcome, origin };
  const numbers = { attempts, status, ms };
  dataset?.writeDataPoint(
    dataPoint({ ...about, reason: failure ?? moved?.reason ?? null, ...numbers }),
  );
  if (!isLogged) return;
  write(trip.arrival.headers, {
    ...about,
    ...(moved === null ? {} : { from: moved.from, reason: moved.reason }),
    ...(failure === null ? {} : { failure }),
    ...numbers,
  });
}

function mayLog({ changes, share }: LogSettings, sent: Sent, outcome: Outcome): boolean {
  if (!changes) return false;
  const isPlain = sent.kind === "answered" && PLAIN.has(outcome);
  return !isPlain || (share > 0 && Math.random() < share);
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
  const about = { rule: null, outcome: "none", origin: null } as const;
  const numbers = { attempts: 0, status, ms: 0 };
  const pool = parts?.pool.name ?? null;
  config.dataset?.writeDataPoint(
    dataPoint({ pool: pool ?? "", ...about, reason: code, ...numbers }),
  );
  if (config.log.changes) write(headers, { pool, ...about, failure: code, ...numbers });
}

/** Names and numbers only: no path, no key, no address. */
function write(headers: Headers, about: Readonly<Record<string, string | number | null>>): void {
  console.log(JSON.stringify({ message: "request", request_id: requestIdOf(headers), ...about }));
}
