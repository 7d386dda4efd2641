import type { Pin } from "../model.ts";
import type { Answer } from "../shared/session-store.ts";
import type { Desk, Located, Visit } from "./desk.ts";
import { found, heldToken, here, idsOf, lostReason, movedFrom, nowhere, pinOf } from "./located.ts";
import { renewSoon } from "./renew-soon.ts";
import type { Sighting } from "./sighting.ts";

/** Pins that clients carry: trusted for a lease, then renewed by one call to the map. */

/** Clocks of different places differ; a token from further ahead has no lease. */
const SKEW_MS = 5_000;

type Carried = Extract<Sighting, { kind: "carried" }>;

export function locateToken(
  desk: Desk,
  visit: Visit,
  sighting: Carried,
  ask: boolean,
): Located | Promise<Located> {
  const { token } = sighting;
  const { idleMs, ttlMs, leaseMs, record } = desk.pool.sessions;
  const age = visit.now - token.renewed;
  // A token is older than its session's last use, for it is not re-issued with every answer: past
  // its idle time the map knows better, and only a companion or an envelope can be much older.
  const isOurs = sighting.rule.by === "cookie";
  const oldest = isOurs ? idleMs + (leaseMs > 0 ? leaseMs : idleMs / 2) : ttlMs;
  if (visit.now - token.created >= ttlMs || age >= oldest) return nowhere(sighting, "expired");
  const pin = pinOf(token);
  const isFresh = age < leaseMs && age > -SKEW_MS && token.renewed >= visit.snapshot.askBefore;
  const isFirstReturn = isOurs && record === "return" && token.created === token.renewed;
  if (isFirstReturn && age >= idleMs) return nowhere(sighting, "expired");
  if (record === "never" || isFirstReturn) {
    const reissue = !isFresh || !token.current || isFirstReturn;
    // The map is not asked, or hears of the session for the first time.
    const held = heldToken(desk, sighting, pin, reissue, visit.now);
    return here(sighting, visit.snapshot, pin, { ...held, at: null, isNew: isFirstReturn });
  }
  if (!isOurs) {
    // What this isolate has learned since is newer than a token that is not re-issued.
    const known = desk.leases.get(sighting.rule.id, token.sessionId, visit.now, visit.snapshot);
    if (known !== null && known.since > token.renewed) {
      if (visit.now - known.since >= leaseMs / 2) {
        renewSoon(desk, visit, sighting.rule, token.sessionId, { ...known, carried: true });
      }
      const held = heldToken(desk, sighting, known, false, known.since);
      return here(sighting, visit.snapshot, known, held);
    }
  }
  if (isFresh && visit.snapshot.recalled.size === 0) return trusted(desk, visit, sighting, pin);
  return renew(desk, visit, sighting, pin, isFresh, ask);
}

/**
 * A token within its lease. From half of it on the session is renewed in the background, and the client
 * gets a new token with the first answer after that. Otherwise something is held only if the origin is
 * lost or the token's key is old.
 */
function trusted(desk: Desk, visit: Visit, sighting: Carried, pin: Pin): Located {
  const { rule, token } = sighting;
  const lost = lostReason(visit.snapshot, pin);
  const isOld = visit.now - token.renewed >= desk.pool.sessions.leaseMs / 2;
  if (isOld && lost === null) {
    const { sessionId } = token;
    const known = desk.leases.get(rule.id, sessionId, visit.now, visit.snapshot);
    if (known !== null && known.since > token.renewed && isSame(known, pin)) {
      const reissue = rule.by === "cookie" || !token.current;
      return found(sighting, pin, null, heldToken(desk, sighting, pin, reissue, known.since));
    }
    renewSoon(desk, visit, rule, sessionId, { ...pin, carried: true });
  }
  const isQuiet = lost === null && token.current && desk.pool.rules.length === 1;
  const reissue = lost !== null || !token.current;
  const held = isQuiet ? null : heldToken(desk, sighting, pin, reissue, token.renewed);
  return found(sighting, pin, lost, held);
}

function isSame(known: Pin, pin: Pin): boolean {
  return known.origin === pin.origin && known.generation === pin.generation;
}

/** The lease is over: one call slides the idle time and learns of moves and releases. */
async function renew(
  desk: Desk,
  visit: Visit,
  sighting: Carried,
  carried: Pin,
  isFresh: boolean,
  ask: boolean,
): Promise<Located> {
  const { rule, token } = sighting;
  const { idleMs, leaseMs } = desk.pool.sessions;
  const { snapshot, now, background } = visit;
  const ids = await idsOf(desk, rule, token.sessionId);
  // While the secret is rotated, a session may have been recalled under its older name.
  const recalledAt = Math.max(...ids.map((id) => snapshot.recalled.get(id) ?? -Infinity));
  if (isFresh && token.renewed > recalledAt) {
    return trusted(desk, visit, sighting, carried);
  }
  const isDue = rule.by === "cookie" && (leaseMs > 0 || now - token.renewed >= idleMs / 2);
  const vouched = (pin: Pin, renewed: number) => {
    const reissue = isDue || !token.current || pin.origin !== carried.origin;
    const held = heldToken(desk, sighting, pin, reissue, renewed);
    return movedFrom(here(sighting, snapshot, pin, held), carried.origin);
  };
  const unvouched = (reissue: boolean) =>
    here(sighting, snapshot, carried, heldToken(desk, sighting, carried, reissue, token.renewed));
  const known = desk.leases.get(rule.id, token.sessionId, now, snapshot);
  if (known !== null) return vouched(known, known.since);
  // Past its idle time a token counts only if the map has seen the session later.
  const { origin, generation, created } = carried;
  const isAlive = now - token.renewed < idleMs;
  const proposal = isAlive ? { origin, generation, created, carried: true } : null;
  if (!ask) {
    renewSoon(desk, visit, rule, token.sessionId, proposal);
    return unvouched(!token.current);
  }
  let answer: Answer;
  try {
    answer = await desk.store.assign(ids, rule.by, proposal, background);
  } catch {
    return { ...unvouched(false), degraded: true };
  }
  if (answer.kind === "unknown") return nowhere(sighting, "expired");
  if (answer.kind === "released") {
    return { ...nowhere(sighting, null), pin: carried, lost: "released" };
  }
  desk.leases.set(rule.id, token.sessionId, { ...answer, id: ids[0] ?? "", since: now });
  return vouched(answer, now);
}
