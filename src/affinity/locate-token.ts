import type { Pin } from "../model.ts";
import type { Answer } from "../session-store.ts";
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
    const held = { ...heldToken(desk, sighting, pin, reissue, isFirstReturn), at: null };
    return here(sighting, visit.snapshot, pin, held);
  }
  if (!isOurs) {
    // What this isolate has learned since is newer than a token that is not re-issued.
    const known = desk.leases.get(sighting.rule.id, token.sessionId, visit.now, visit.snapshot);
    if (known !== null && known.since > token.renewed) {
      if (visit.now - known.since >= leaseMs / 2) {
        renewSoon(desk, visit, sighting.rule, token.sessionId, { ...known, carried: true });
      }
      return here(sighting, visit.snapshot, known, heldToken(desk, sighting, known, false, false));
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
      return found(sighting, pin, null, heldToken(desk, sighting, pin, reissue, false));
    }
    renewSoon(desk, visit, rule, sessionId, { ...pin, carried: true });
  }
  const isQuiet = lost === null && token.current && desk.pool.rules.length === 1;
  const reissue = lost !== null || !token.current;
  const held = isQuiet ? null : heldToken(desk, sighting, pin, reissue, false);
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
  if (isFresh && token.renewed > (snapshot.recalled.get(ids[0] ?? "") ?? -Infinity)) {
    return trusted(desk, visit, sighting, carried);
  }
  const known = desk.leases.get(rule.id, token.sessionId, now, snapshot);
  const isDue = rule.by === "cookie" && (leaseMs > 0 || now - token.renewed >= idleMs / 2);
  const reissue = isDue || !token.current;
  if (known !== null) {
    const held = heldToken(
      desk,
      sighting,
      known,
      reissue || known.origin !== carried.origin,
      false,
    );
    return movedFrom(here(sighting, snapshot, known, held), carried.origin);
  }
  // Past its idle time a token counts only if the map has seen the session later.
  const proposal =
    now - token.renewed < idleMs
      ? {
          origin: carried.origin,
          generation: carried.generation,
          created: token.created,
          carried: true,
        }
      : null;
  if (!ask) {
    renewSoon(desk, visit, rule, token.sessionId, proposal);
    return here(sighting, snapshot, carried, heldToken(desk, sighting, carried, reissue, false));
  }
  let answer: Answer;
  try {
    answer = await desk.store.assign(ids, rule.by, proposal, background);
  } catch {
    const held = heldToken(desk, sighting, carried, false, false);
    return { ...here(sighting, snapshot, carried, held), degraded: true };
  }
  if (answer.kind === "unknown") return nowhere(sighting, "expired");
  if (answer.kind === "released") {
    return { ...nowhere(sighting, null), pin: carried, lost: "released" };
  }
  desk.leases.set(rule.id, token.sessionId, { ...answer, id: ids[0] ?? "", since: now });
  const held = heldToken(
    desk,
    sighting,
    answer,
    reissue || answer.origin !== carried.origin,
    false,
  );
  return movedFrom(here(sighting, snapshot, answer, held), carried.origin);
}
