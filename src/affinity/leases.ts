import QuickLRU from "quick-lru";

import type { Pin } from "../model.ts";

/** Pins an isolate may remember; with keys of up to 256 characters, some 10 MB when full. */
const REMEMBERED = 20_000;
const KEY_MOST = 256;

export interface Lease extends Pin {
  /** The session's name in the map. */
  readonly id: string;
  readonly since: number;
}

/**
 * Pins this isolate has read from the map, trusted for a lease. Keys stay in memory only. A lease
 * that the view has recalled, or that began before `askBefore`, does not count.
 */
export interface Leases {
  get(rule: string, key: string, now: number, view: Recalls): Lease | null;
  /** The origin of the last lease, over or not; null if there was none. */
  last(rule: string, key: string): string | null;
  set(rule: string, key: string, lease: Lease): void;
  /** Whether the caller is the first in half a lease to want to renew it. */
  claim(rule: string, key: string, now: number): boolean;
  drop(rule: string, key: string): void;
  /** Where sessions began that a map that failed will be told of again, by rule and key. */
  readonly pending: Map<string, string>;
  /** The same pins for whoever only looks: nothing is set, claimed, dropped or made more recent. */
  looking(): Leases;
}

export interface Recalls {
  readonly recalled: ReadonlyMap<string, number>;
  readonly askBefore: number;
}

export function makeLeases(leaseMs: number): Leases {
  const leases = new QuickLRU<string, Lease>({ maxSize: REMEMBERED });
  const claims = new QuickLRU<string, number>({ maxSize: REMEMBERED });
  function valid(lease: Lease | undefined, now: number, { recalled, askBefore }: Recalls) {
    if (lease === undefined) return null;
    const age = now - lease.since;
    const isOver = age >= leaseMs || age < 0 || lease.since < askBefore;
    const recalledAt = recalled.size === 0 ? undefined : recalled.get(lease.id);
    return isOver || (recalledAt !== undefined && lease.since <= recalledAt) ? null : lease;
  }

  const made: Leases = {
    pending: new Map(),
    get: (rule, key, now, view) => valid(leases.get(`${rule}\0${key}`), now, view),
    last: (rule, key) => leases.peek(`${rule}\0${key}`)?.origin ?? null,
    set(rule, key, lease) {
      if (leaseMs > 0 && key.length <= KEY_MOST) leases.set(`${rule}\0${key}`, lease);
    },
    claim(rule, key, now) {
      const last = claims.get(`${rule}\0${key}`) ?? -Infinity;
      if (now - last < leaseMs / 2 && now >= last) return false;
      if (key.length <= KEY_MOST) claims.set(`${rule}\0${key}`, now);
      return true;
    },
    drop(rule, key) {
      leases.delete(`${rule}\0${key}`);
    },
    looking: () => ({
      pending: new Map(),
      get: (rule, key, now, view) => valid(leases.peek(`${rule}\0${key}`), now, view),
      last: made.last,
      set() {},
      claim: () => false,
      drop() {},
      looking: made.looking,
    }),
  };
  return made;
}
