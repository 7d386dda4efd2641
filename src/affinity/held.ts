import type { Pin, Rule, Standing } from "../model.ts";
import type { Outcome } from "../outcome.ts";
import type { Place } from "../shared/session-store.ts";
import type { Desk, Held, Located, Moved, Placed, Visit } from "./desk.ts";
import { sessionIds } from "./keyring.ts";
import type { Sighting } from "./sighting.ts";
import { newSessionId } from "./token.ts";

/** Where the pin is kept, or shall be: what `commit` and the cookies are made from. */
export function heldFor(
  desk: Desk,
  visit: Visit,
  located: readonly Located[],
  standing: Standing,
): Held[] {
  const all: Held[] = [];
  for (const one of located) {
    const { held, rule, sighting, pin } = one;
    const isFree = visit.mayMake() && (pin === null || one.lost === "released");
    if (held !== null) {
      const isElsewhere = pin !== null && !isAt(pin, standing);
      // A pin that is alive elsewhere is somebody's: only what was lost follows.
      if (isElsewhere && one.lost === null) continue;
      all.push(isElsewhere ? { ...held, reissue: held.sessionId !== null } : held);
    } else if (isFree && believes(sighting)) {
      all.push(newRow(desk, one, visit.now));
    } else if (isFree && (rule.by === "cookie" || isReleasedCompanion(one))) {
      all.push(newCarried(desk, rule, visit.now));
    }
  }
  return all;
}

/** A companion whose session was released gets a new one; elsewhere it comes with the application's. */
function isReleasedCompanion({ rule, sighting, lost }: Located): boolean {
  return rule.pin === "cookie" && sighting.kind === "carried" && lost === "released";
}

/** A session of its own for a rule whose pin the client shall carry. */
export function newCarried(desk: Desk, rule: Rule, now: number): Held {
  const sessionId = newSessionId();
  return {
    rule,
    sessionId,
    key: null,
    at: null,
    created: now,
    renewed: now,
    isNew: true,
    reissue: true,
    ids: () => sessionIds(desk.keyring, desk.pool.name, rule, sessionId),
  };
}

export function newRow(desk: Desk, { rule, key }: Located, now: number): Held {
  return {
    rule,
    sessionId: null,
    key,
    at: null,
    created: now,
    renewed: now,
    isNew: true,
    reissue: false,
    ids: () => sessionIds(desk.keyring, desk.pool.name, rule, key ?? ""),
  };
}

/** Whether a key that the map does not know may be stored because a client shows it. */
export function believes(sighting: Sighting): boolean {
  return sighting.kind === "keyed" && sighting.rule.learn !== "response";
}

function isAt(pin: Pin, standing: Standing): boolean {
  return pin.origin === standing.origin.name && pin.generation >= standing.generation;
}

export function placeOf(standing: Standing): Place {
  return { origin: standing.origin.name, generation: standing.generation };
}

export function placed(
  standing: Standing,
  outcome: Outcome,
  rule: Rule | null,
  moved: Moved | null,
  held: readonly Held[],
): Placed {
  return { kind: "placed", standing, outcome, rule, moved, held };
}
