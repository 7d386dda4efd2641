import type { Background, Rule } from "../model.ts";
import type { Ids, Place, Proposal } from "../shared/session-store.ts";
import { warn } from "../shared/warn.ts";
import type { Desk } from "./desk.ts";

/** Together with two capped calls within the 30 s that the platform grants work after an answer. */
const PAUSES_MS = [1_000, 5_000, 18_000] as const;
/** An outage makes so many offers per isolate, and no more. */
const PENDING_MOST = 1_000;

export interface Offered extends Place {
  readonly created: number;
}

/**
 * Tells the map later of a session that it could not take: one that began, or whose ID was issued, while
 * the map failed. Gives up after half a minute. Once per key; a row that exists is never overwritten.
 */
export function offer(
  desk: Desk,
  rule: Rule,
  key: string,
  ids: Ids,
  offered: Offered,
  background: Background,
): void {
  const { pending } = desk.leases;
  const name = `${rule.id}\0${key}`;
  if (pending.has(name) || pending.size >= PENDING_MOST) return;
  pending.set(name, offered.origin);
  const proposal = { ...offered, carried: false };
  background(repeat(desk, rule, ids, proposal, background).finally(() => pending.delete(name)));
}

async function repeat(
  desk: Desk,
  rule: Rule,
  ids: Ids,
  proposal: Proposal,
  background: Background,
): Promise<void> {
  for (const pauseMs of PAUSES_MS) {
    await scheduler.wait(pauseMs);
    try {
      await desk.store.assign(ids, rule.by, proposal, background);
      return;
    } catch (error) {
      warn("session not stored", { pool: desk.pool.name }, error);
    }
  }
}
