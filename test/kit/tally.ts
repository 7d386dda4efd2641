/** What a test of faults has driven and found; summed up by `tally-reporter.ts`. */
export interface Counts {
  /** Requests that clients sent to the router, WebSocket handshakes included. */
  readonly requests: number;
  /** Faults injected: calls that failed on command, outages, kills, resets. */
  readonly faults: number;
  /** Sessions whose pin was kept by promise and is gone. */
  readonly pinsLost: number;
  /** Requests that some origin could have served and that got no good answer. */
  readonly failed: number;
}

interface Counting {
  readonly meta: object;
}

/** Notes what a test has counted, for the reporter. */
export function report({ meta }: Counting, counts: Counts): void {
  Object.assign(meta, { counts });
}
