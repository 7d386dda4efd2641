import QuickLRU from "quick-lru";

import { networkOf } from "../affinity/keys/ip.ts";

/** Slows whoever tries tokens. In this isolate's memory only; the clock comes in as an argument. */

/** So many wrong tokens within the window cost nothing. */
const FREE = 5;
const WINDOW_MS = 60_000;
const FIRST_WAIT_MS = 5_000;
const LONGEST_WAIT_MS = 300_000;
/** Networks remembered; the ones that tried least recently go first. */
const REMEMBERED = 1_000;

interface Tries {
  readonly wrong: number;
  readonly last: number;
  readonly until: number;
  readonly waitMs: number;
}

export interface Attempts {
  /** How long this client has to wait before a token of its is looked at; 0: not at all. */
  waitSeconds(address: string, now: number): number;
  /** A wrong token came from there. */
  note(address: string, now: number): void;
  /** The right one did. */
  forget(address: string): void;
}

/** Clients are told apart by IPv4 address or IPv6 /64. */
export function makeAttempts(): Attempts {
  const records = new QuickLRU<string, Tries>({ maxSize: REMEMBERED });
  return {
    waitSeconds(address, now) {
      const until = records.get(keyOf(address))?.until ?? 0;
      return Math.max(0, Math.ceil((until - now) / 1_000));
    },
    note(address, now) {
      const network = keyOf(address);
      const known = records.get(network);
      const before = known !== undefined && now - known.last <= quietMs(known) ? known : null;
      const wrong = (before?.wrong ?? 0) + 1;
      const waitMs =
        wrong < FREE ? 0 : Math.min(LONGEST_WAIT_MS, (before?.waitMs ?? 0) * 2 || FIRST_WAIT_MS);
      records.set(network, { wrong, last: now, until: now + waitMs, waitMs });
    },
    forget(address) {
      records.delete(keyOf(address));
    },
  };
}

/** After so long without another try it begins anew. */
function quietMs({ waitMs }: Tries): number {
  return WINDOW_MS + 2 * waitMs;
}

function keyOf(address: string): string {
  return networkOf(address, 32, 64) ?? "unknown";
}
