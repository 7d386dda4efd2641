import QuickLRU from "quick-lru";

import type { Arrival } from "../shared/arrival.ts";

/**
 * The first requests of a new client come in parallel, before it has a cookie. For two seconds those
 * of one address and user agent go where the first one went; per isolate, as the contract says.
 */
const BURST_MS = 2_000;
const REMEMBERED = 5_000;
/** What tells browsers apart stands at the front; the rest would only fill the memory. */
const AGENT_MOST = 200;

export interface Bursts {
  /** The origin this client's first request has just been given; null if there was none. */
  recent(client: string | null, now: number): string | null;
  note(client: string | null, origin: string, now: number): void;
  /** The same for whoever only looks: nothing is noted. */
  looking(): Bursts;
}

export function clientKey(arrival: Arrival, clientIp: string | null): string | null {
  if (clientIp === null) return null;
  const agent = arrival.headers.get("user-agent") ?? "";
  return `${clientIp}\0${agent.slice(0, AGENT_MOST)}`;
}

export function makeBursts(): Bursts {
  const first = new QuickLRU<string, First>({
    maxSize: REMEMBERED,
    maxAge: BURST_MS,
  });
  const made: Bursts = {
    recent: (client, now) => fresh(client === null ? undefined : first.get(client), now),
    note(client, origin, now) {
      if (client !== null) first.set(client, { origin, at: now });
    },
    looking: () => ({
      ...made,
      recent: (client, now) => fresh(client === null ? undefined : first.peek(client), now),
      note() {},
    }),
  };
  return made;
}

interface First {
  readonly origin: string;
  readonly at: number;
}

function fresh(known: First | undefined, now: number): string | null {
  return known !== undefined && now - known.at < BURST_MS && now >= known.at ? known.origin : null;
}
