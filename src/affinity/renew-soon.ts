import type { Rule } from "../model.ts";
import type { Proposal } from "../shared/session-store.ts";
import type { Desk, Visit } from "./desk.ts";
import { idsOf } from "./located.ts";

/** A renewal may wait this long for others: below what the platform grants work after an answer. */
const RENEW_WINDOW_MOST_MS = 20_000;

/** Slides the idle time in one call with others, well before the lease ends; at most once a lease. */
export function renewSoon(
  desk: Desk,
  { now, background }: Visit,
  rule: Rule,
  key: string,
  proposal: Proposal | null,
): void {
  const { leaseMs } = desk.pool.sessions;
  if (!desk.leases.claim(rule.id, key, now)) return;
  const renewed = idsOf(desk, rule, key).then((ids) => {
    const pace = {
      windowMs: Math.min(leaseMs / 3, RENEW_WINDOW_MOST_MS),
      isFresh: false,
      background,
    };
    desk.store.later(ids, rule.by, proposal, pace, (answer) => {
      if (answer.kind !== "pinned") return;
      desk.leases.set(rule.id, key, { ...answer, id: ids[0] ?? "", since: now });
    });
  });
  background(renewed);
}
