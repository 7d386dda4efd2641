// Pure: how old the view is by which an isolate serves a request (src/pools/view.ts).
import { numbers } from "./balance.ts";

const freshSeconds = 5;
const staleSeconds = 30;
/** Assumed: a call to the control object, and the most that a request waits for one. */
const fetchSeconds = 0.05;

export interface Ages {
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
}

/** Ages in seconds over `requests` that come at random, so many a second, to one isolate. */
export function viewAges(requestsPerSecond: number, requests: number, seed: number): Ages {
  const random = numbers(seed);
  const ages: number[] = [];
  let now = 0;
  let readAt = -Infinity;
  let arrivesAt = Infinity;
  for (let at = 0; at < requests; at += 1) {
    now += -Math.log(1 - random()) / requestsPerSecond;
    if (arrivesAt <= now) {
      readAt = arrivesAt - fetchSeconds / 2;
      arrivesAt = Infinity;
    }
    if (now - readAt >= staleSeconds) {
      readAt = now + fetchSeconds / 2;
      arrivesAt = Infinity;
    } else if (now - readAt >= freshSeconds && arrivesAt === Infinity) {
      arrivesAt = now + fetchSeconds;
    }
    ages.push(Math.max(0, now - readAt));
  }
  ages.sort((a, b) => a - b);
  const at = (share: number): number => ages[Math.floor(share * (ages.length - 1))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), most: at(1) };
}
