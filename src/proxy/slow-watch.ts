import type { Background } from "../model.ts";

/**
 * A timer for every request costs 8 to 10 % of the throughput, and nearly every answer comes at once. So
 * requests are watched together: one of them, kept alive for it, looks after a second which are still
 * waiting, and tells each to watch its own clock from there on.
 */
export const SLOW_MS = 1_000;

export interface SlowWatch {
  /** Calls `onSlow`, within this request, after one to two seconds at most; until `leave`. */
  enter(onSlow: () => void, now: number, background: Background): Wait;
  leave(wait: Wait): void;
}

/** Ends one wait. A promise of the request that waits, so that what follows runs within it. */
export type Wait = () => void;

export function makeSlowWatch(): SlowWatch {
  const waiting = new Set<Wait>();
  let since = -Infinity;

  function look(): void {
    since = -Infinity;
    const slow = [...waiting];
    waiting.clear();
    for (const tell of slow) tell();
  }

  return {
    enter(onSlow, now, background) {
      const { promise, resolve } = Promise.withResolvers<void>();
      void promise.then(onSlow);
      waiting.add(resolve);
      const age = now - since;
      // One that is overdue was cut off with its request.
      if (age >= 2 * SLOW_MS || age < 0) {
        since = now;
        background(scheduler.wait(SLOW_MS).then(look));
      }
      return resolve;
    },
    leave(wait) {
      waiting.delete(wait);
    },
  };
}
