import type { Pin, Rule, Snapshot } from "../model.ts";
import type { MoveReason } from "../outcome.ts";
import type { Answer, Ids, Proposal } from "../session-store.ts";
import type { Desk, Held, Located, Visit } from "./desk.ts";
import { sessionIds } from "./keyring.ts";
import type { Sighting } from "./sighting.ts";
import type { Token } from "./token.ts";

/** Clocks of different places differ; a token from further ahead has no lease. */
const SKEW_MS = 5_000;
/** A renewal may wait this long for others: below what the platform grants work after an answer. */
const RENEW_WINDOW_MOST_MS = 20_000;

/**
 * Finds a rule's pin: in the token while its lease lasts, in this isolate's memory, or by one call
 * to the map. With `ask` false (another rule has won) the map is left alone.
 */
export function locate(
  desk: Desk,
  visit: Visit,
  sighting: Sighting,
  ask: boolean,
): Located | Promise<Located> {
  switch (sighting.kind) {
    case "absent":
      return nowhere(sighting, null);
    case "invalid":
      return nowhere(sighting, "invalid");
    case "carried":
      return locateToken(desk, visit, sighting, ask);
    case "keyed":
      return locateKey(desk, visit, sighting, ask);
    case "named":
      return here(sighting, visit.snapshot, current(visit, sighting.origin.name), null);
    case "hashed": {
      const standing = visit.choose({ avoid: null, key: sighting.key, isPinned: true });
      if (standing === null) return nowhere(sighting, null);
      return here(sighting, visit.snapshot, current(visit, standing.origin.name), null);
    }
  }
}

function locateToken(
  desk: Desk,
  visit: Visit,
  sighting: Extract<Sighting, { kind: "carried" }>,
  ask: boolean,
): Located | Promise<Located> {
  const { token } = sighting;
  const { idleMs, ttlMs, leaseMs, record } = desk.pool.sessions;
  const age = visit.now - token.renewed;
  // A token that is not re-issued at every lease grows older than its session; the map knows better.
  const isOurs = sighting.rule.by === "cookie";
  const oldest = !isOurs ? ttlMs : leaseMs === 0 ? idleMs * 1.5 : idleMs;
  if (visit.now - token.created >= ttlMs || age >= oldest) return nowhere(sighting, "expired");
  const pin = pinOf(token);
  const isFresh = age < leaseMs && age > -SKEW_MS && token.renewed >= visit.snapshot.askBefore;
  const isFirstReturn = isOurs && record === "return" && token.created === token.renewed;
  if (record === "never" || isFirstReturn) {
    const reissue = !isFresh || !token.current || isFirstReturn;
    const held = { ...heldToken(desk, sighting, pin, reissue, isFirstReturn), at: null };
    return here(sighting, visit.snapshot, pin, held);
  }
  if (!isOurs) {
    // What this isolate has learned since is newer than a token that is not re-issued.
    const known = desk.leases.get(sighting.rule.id, token.sessionId, visit.now, visit.snapshot);
    if (known !== null && known.since > token.renewed) {
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
function trusted(
  desk: Desk,
  visit: Visit,
  sighting: Extract<Sighting, { kind: "carried" }>,
  pin: Pin,
): Located {
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

/** Slides the idle time in one call with others, well before the lease ends; at most once a lease. */
function renewSoon(
  desk: Desk,
  { now, background }: Visit,
  rule: Rule,
  key: string,
  proposal: Proposal | null,
): void {
  const { leaseMs } = desk.pool.sessions;
  if (!desk.leases.claim(rule.id, key, now)) return;
  const renewed = idsOf(desk, rule, key).then((ids) => {
    const pace = { windowMs: Math.min(leaseMs / 3, RENEW_WINDOW_MOST_MS), background };
    desk.store.later(ids, rule.by, proposal, pace, (answer) => {
      if (answer.kind !== "pinned") return;
      desk.leases.set(rule.id, key, { ...answer, id: ids[0] ?? "", since: now });
    });
  });
  background(renewed);
}

/** The lease is over: one call slides the idle time and learns of moves and releases. */
async function renew(
  desk: Desk,
  visit: Visit,
  sighting: Extract<Sighting, { kind: "carried" }>,
  carried: Pin,
  isFresh: boolean,
  ask: boolean,
): Promise<Located> {
  const { rule, token } = sighting;
  const { idleMs, leaseMs } = desk.pool.sessions;
  const { snapshot, now, background } = visit;
  const ids = await sessionIds(desk.keyring, desk.pool.name, rule, token.sessionId);
  if (isFresh && !snapshot.recalled.has(ids[0] ?? "")) {
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

async function locateKey(
  desk: Desk,
  visit: Visit,
  sighting: Extract<Sighting, { kind: "keyed" }>,
  ask: boolean,
): Promise<Located> {
  const { rule, key } = sighting;
  const { now, snapshot, background } = visit;
  const known = desk.leases.get(rule.id, key, now, snapshot);
  if (known !== null) {
    if (now - known.since >= desk.pool.sessions.leaseMs / 2) {
      renewSoon(desk, visit, rule, key, null);
    }
    const isQuiet = desk.pool.rules.length === 1 && lostReason(snapshot, known) === null;
    const held = isQuiet ? null : heldRow(sighting, known, () => idsOf(desk, rule, key));
    return here(sighting, snapshot, known, held);
  }
  if (!ask) return nowhere(sighting, null);
  const ids = await idsOf(desk, rule, key);
  try {
    const answer = await desk.store.assign(ids, rule.by, null, background);
    if (answer.kind !== "pinned") return nowhere(sighting, null);
    const before = desk.leases.last(rule.id, key);
    desk.leases.set(rule.id, key, { ...answer, id: ids[0] ?? "", since: now });
    const held = heldRow(sighting, answer, async () => ids);
    return movedFrom(here(sighting, snapshot, answer, held), before ?? answer.origin);
  } catch {
    return { ...nowhere(sighting, null), degraded: true };
  }
}

function idsOf(desk: Desk, rule: Rule, key: string): Promise<Ids> {
  return sessionIds(desk.keyring, desk.pool.name, rule, key);
}

function heldRow(
  sighting: Extract<Sighting, { kind: "keyed" }>,
  pin: Pin,
  ids: () => Promise<Ids>,
): Held {
  const { rule } = sighting;
  return {
    rule,
    sessionId: null,
    key: sighting.key,
    at: pin,
    created: pin.created,
    isNew: false,
    reissue: false,
    ids,
  };
}

function heldToken(
  desk: Desk,
  { rule, token }: Extract<Sighting, { kind: "carried" }>,
  pin: Pin,
  reissue: boolean,
  isNew: boolean,
): Held {
  return {
    rule,
    sessionId: token.sessionId,
    key: null,
    at: pin,
    created: token.created,
    isNew,
    reissue,
    ids: () => idsOf(desk, rule, token.sessionId),
  };
}

function pinOf(token: Token): Pin {
  const { origin, generation, created, renewed } = token;
  return { origin: origin.name, generation, created, seen: renewed };
}

/** A pin that needs no memory: whatever the generation, it holds. */
function current(visit: Visit, origin: string): Pin {
  const generation = visit.snapshot.standings.get(origin)?.generation ?? 0;
  return { origin, generation, created: visit.now, seen: visit.now };
}

function here(sighting: Sighting, snapshot: Snapshot, pin: Pin, held: Held | null): Located {
  return found(sighting, pin, lostReason(snapshot, pin), held);
}

function found(
  sighting: Sighting,
  pin: Pin | null,
  lost: MoveReason | null,
  held: Held | null,
): Located {
  const { rule } = sighting;
  return {
    rule,
    sighting,
    key: keyOf(sighting),
    pin,
    lost,
    movedFrom: null,
    flaw: null,
    held,
    degraded: false,
  };
}

/** Somebody else has moved the session: an operator, rebalancing, or a parallel request. */
function movedFrom(located: Located, before: string): Located {
  return located.pin?.origin === before ? located : { ...located, movedFrom: before };
}

function nowhere(sighting: Sighting, flaw: "invalid" | "expired" | null): Located {
  return { ...found(sighting, null, null, null), flaw };
}

function keyOf(sighting: Sighting): string | null {
  switch (sighting.kind) {
    case "absent":
    case "invalid":
      return null;
    case "carried":
      return sighting.token.sessionId;
    case "keyed":
    case "hashed":
    case "named":
      return sighting.key;
  }
}

function lostReason(snapshot: Snapshot, pin: Pin): MoveReason | null {
  const standing = snapshot.standings.get(pin.origin);
  if (standing === undefined) return "disabled";
  if (pin.generation < standing.generation) return "released";
  return standing.lost;
}
