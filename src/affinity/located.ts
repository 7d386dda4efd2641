import type { Pin, Rule, Snapshot } from "../model.ts";
import type { MoveReason } from "../outcome.ts";
import type { Ids } from "../shared/session-store.ts";
import type { Desk, Held, Located, Visit } from "./desk.ts";
import { sessionIds } from "./keyring.ts";
import type { Sighting } from "./sighting.ts";
import type { Token } from "./token.ts";

/** How what is known of a pin is put together. */

export function idsOf(desk: Desk, rule: Rule, key: string): Promise<Ids> {
  return sessionIds(desk.keyring, desk.pool.name, rule, key);
}

export function heldRow(
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
    renewed: pin.seen,
    isNew: false,
    reissue: false,
    ids,
  };
}

export function heldToken(
  desk: Desk,
  { rule, token }: Extract<Sighting, { kind: "carried" }>,
  pin: Pin,
  reissue: boolean,
  renewed: number,
): Held {
  return {
    rule,
    sessionId: token.sessionId,
    key: null,
    at: pin,
    created: token.created,
    renewed,
    isNew: false,
    reissue,
    ids: () => idsOf(desk, rule, token.sessionId),
  };
}

export function pinOf(token: Token): Pin {
  const { origin, generation, created, renewed } = token;
  return { origin: origin.name, generation, created, seen: renewed };
}

/** A pin that needs no memory: whatever the generation, it holds. */
export function current(visit: Visit, origin: string): Pin {
  const generation = visit.snapshot.standings.get(origin)?.generation ?? 0;
  return { origin, generation, created: visit.now, seen: visit.now };
}

export function here(sighting: Sighting, snapshot: Snapshot, pin: Pin, held: Held | null): Located {
  return found(sighting, pin, lostReason(snapshot, pin), held);
}

export function found(
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
export function movedFrom(located: Located, before: string): Located {
  return located.pin?.origin === before ? located : { ...located, movedFrom: before };
}

export function nowhere(sighting: Sighting, flaw: "invalid" | "expired" | null): Located {
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

export function lostReason(snapshot: Snapshot, pin: Pin): MoveReason | null {
  const standing = snapshot.standings.get(pin.origin);
  // An origin that is no longer configured: as a token that names it, the pin is void.
  if (standing === undefined) return "released";
  if (pin.generation < standing.generation) return "released";
  return standing.lost;
}
