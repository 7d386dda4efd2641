import type { Desk, Held, Located, Moved, Placed, Placement, Visit } from "./desk.ts";
import { SOON_MS } from "./desk.ts";
import { sessionIds } from "./keyring.ts";
import { locate } from "./locate.ts";
import type { Sighting } from "./sighting.ts";
import { newSessionId } from "./token.ts";
import type { Pin, Rule, Standing } from "../model.ts";
import type { Outcome } from "../outcome.ts";
import type { Place } from "../session-store.ts";

/** Which origin serves this request, and which pins are to be kept (DESIGN.md §2). */
export async function settle(desk: Desk, visit: Visit): Promise<Placement> {
  const located: Located[] = [];
  let winner: Located | null = null;
  for (const sighting of visit.sightings) {
    const found = await locate(desk, visit, sighting, winner === null);
    located.push(found);
    if (winner === null && found.pin !== null && found.lost === null) winner = found;
  }
  if (winner?.pin) return follow(desk, visit, located, winner, winner.pin);
  const lost = located.find(({ pin }) => pin !== null);
  return lost?.pin ? replace(desk, visit, located, lost, lost.pin) : start(desk, visit, located);
}

/** A usable pin: its origin serves, and every other rule that can keep the pin does so. */
async function follow(
  desk: Desk,
  visit: Visit,
  located: readonly Located[],
  winner: Located,
  pin: Pin,
) {
  const standing = visit.snapshot.standings.get(pin.origin)!;
  const isDegraded = located.some(({ degraded }) => degraded);
  // The usual case: one rule, nothing to renew, nothing to store.
  if (located.length === 1 && winner.held === null) {
    return placed(standing, isDegraded ? "degraded" : "hit", winner.rule, null, []);
  }
  const earlier = located.find((other) => other.pin !== null && other.lost !== null);
  const moved: Moved | null =
    earlier?.pin && earlier.lost && earlier.pin.origin !== pin.origin
      ? { from: earlier.pin.origin, reason: earlier.lost }
      : null;
  const outcome = isDegraded ? "degraded" : moved ? "moved" : "hit";
  return placed(standing, outcome, winner.rule, moved, await keep(desk, visit, located, standing));
}

/** The pin can't be used: refuse, serve elsewhere, or move the session. */
async function replace(
  desk: Desk,
  visit: Visit,
  located: readonly Located[],
  lost: Located,
  pin: Pin,
): Promise<Placement> {
  const reason = lost.lost ?? "released";
  const { onLost } = desk.pool.failover;
  if (onLost === "refuse" && reason !== "released") return { kind: "refused", rule: lost.rule };
  const old = visit.snapshot.standings.get(pin.origin) ?? null;
  const avoid = reason === "released" ? null : old;
  // Without a pin that can be moved, the same session must find the same substitute again.
  const isMovable = lost.held !== null && (onLost === "repin" || reason === "released");
  const candidate = visit.choose({ avoid, key: isMovable ? null : lost.key });
  if (candidate === null) return { kind: "nobody" };
  const moved = candidate.origin.name === pin.origin ? null : { from: pin.origin, reason };
  if (onLost === "detour" && reason !== "released") {
    return placed(candidate, "detour", lost.rule, moved, []);
  }
  return moveTo(desk, visit, located, lost, candidate, moved);
}

/** Moves the lost session to the candidate, or to where a parallel request has just moved it. */
async function moveTo(
  desk: Desk,
  visit: Visit,
  located: readonly Located[],
  lost: Located,
  candidate: Standing,
  moved: Moved | null,
): Promise<Placement> {
  let standing = candidate;
  let isDegraded = located.some(({ degraded }) => degraded);
  if (lost.held !== null && lost.isRecorded) {
    try {
      const { by } = lost.rule;
      const { at: from, created } = lost.held;
      const change = { by, from, to: placeOf(candidate), created };
      const answer = await desk.store.move(await lost.held.ids(), change);
      const there =
        answer.kind === "pinned" ? visit.snapshot.standings.get(answer.origin) : undefined;
      if (there?.keep) standing = there;
    } catch {
      isDegraded = true;
    }
  }
  const outcome = isDegraded ? "degraded" : moved ? "moved" : "new";
  const held = await keep(desk, visit, located, standing);
  return placed(standing, outcome, lost.rule, moved, held);
}

/** No pin at all: balancing proposes, and the first rule with a map decides. */
async function start(desk: Desk, visit: Visit, located: readonly Located[]): Promise<Placement> {
  const failed = located.find(({ degraded }) => degraded);
  const candidate = visit.choose({ avoid: null, key: failed?.key ?? null });
  if (candidate === null) return { kind: "nobody" };
  if (!visit.mayMake) {
    return placed(candidate, located.length > 0 ? "skip" : "none", null, null, []);
  }
  if (failed !== undefined) {
    const held = await keep(
      desk,
      visit,
      located.filter((one) => !one.degraded),
      candidate,
    );
    return placed(candidate, "degraded", failed.rule, null, held);
  }
  const decider = located.find(({ sighting }) => believes(sighting));
  const decided = decider ? await decide(desk, visit, decider, candidate) : null;
  const standing = decided?.standing ?? candidate;
  const others = decider ? located.filter((one) => one !== decider) : located;
  const held = await keep(desk, visit, others, standing);
  const all = decided ? [...held, decided.held] : held;
  const flaw = located.find((one) => one.flaw !== null)?.flaw ?? null;
  const outcome = decided?.outcome ?? (all.length === 0 ? "none" : (flaw ?? "new"));
  return placed(standing, outcome, decider?.rule ?? all[0]?.rule ?? null, null, all);
}

/** Lets the map choose between our candidate and whoever came first. */
async function decide(desk: Desk, visit: Visit, decider: Located, candidate: Standing) {
  const held = heldKey(desk, visit, decider, candidate);
  try {
    const proposal = { ...placeOf(candidate), created: null, carried: false };
    const pace = { windowMs: 0, background: visit.background };
    const ids = await held.ids();
    const answer = await desk.store.assign(ids, decider.rule.by, proposal, pace);
    if (answer.kind !== "pinned") return { standing: candidate, outcome: null, held };
    const there = visit.snapshot.standings.get(answer.origin);
    remember(desk, decider.sighting, ids[0] ?? "", answer, visit.now);
    if (answer.fresh || there === undefined || !there.keep) {
      return { standing: candidate, outcome: null, held };
    }
    return {
      standing: there,
      outcome: "hit" as const,
      held: { ...held, isNew: false, at: answer },
    };
  } catch {
    const standing = visit.choose({ avoid: null, key: decider.key }) ?? candidate;
    return { standing, outcome: "degraded" as const, held };
  }
}

/** What every rule that can keep the pin does with it. Map rows are stored in the background. */
async function keep(
  desk: Desk,
  visit: Visit,
  located: readonly Located[],
  standing: Standing,
): Promise<Held[]> {
  const kept: Held[] = [];
  for (const one of located) {
    const { held, rule, sighting } = one;
    if (held !== null) {
      const isElsewhere = one.pin !== null && !isAt(one.pin, standing);
      if (isElsewhere && one.isRecorded && desk.pool.failover.onLost !== "detour") {
        visit.background(moveQuietly(desk, one, held, standing));
      }
      kept.push(isElsewhere ? { ...held, reissue: held.sessionId !== null } : held);
    } else if (visit.mayMake && one.pin === null && believes(sighting)) {
      const row = heldKey(desk, visit, one, standing);
      visit.background(storeQuietly(desk, visit, one, row, standing));
      kept.push(row);
    } else if (
      visit.mayMake &&
      rule.by === "cookie" &&
      (one.pin === null || one.lost === "released")
    ) {
      kept.push(newCarried(desk, rule, visit.now));
    }
  }
  return kept;
}

async function storeQuietly(desk: Desk, visit: Visit, one: Located, row: Held, standing: Standing) {
  try {
    const ids = await row.ids();
    const proposal = { ...placeOf(standing), created: null, carried: false };
    const pace = { windowMs: SOON_MS, background: visit.background };
    const answer = await desk.store.assign(ids, one.rule.by, proposal, pace);
    if (answer.kind === "pinned") remember(desk, one.sighting, ids[0] ?? "", answer, visit.now);
  } catch (error) {
    warn("pin not stored", desk, error);
  }
}

async function moveQuietly(desk: Desk, one: Located, held: Held, standing: Standing) {
  try {
    const change = { by: one.rule.by, from: held.at, to: placeOf(standing), created: held.created };
    await desk.store.move(await held.ids(), change);
    if (one.sighting.kind === "keyed") desk.leases.drop(one.rule.id, one.sighting.key);
  } catch (error) {
    warn("pin not moved", desk, error);
  }
}

/** A session of its own for a rule whose pin the client shall carry. */
export function newCarried(desk: Desk, rule: Rule, now: number): Held {
  const sessionId = newSessionId();
  return {
    rule,
    sessionId,
    at: null,
    created: now,
    isNew: true,
    reissue: true,
    ids: () => sessionIds(desk.keyring, desk.pool.name, rule, sessionId),
  };
}

function heldKey(desk: Desk, visit: Visit, { rule, sighting }: Located, standing: Standing): Held {
  const key = sighting.kind === "keyed" ? sighting.key : "";
  return {
    rule,
    sessionId: null,
    at: placeOf(standing),
    created: visit.now,
    isNew: true,
    reissue: false,
    ids: () => sessionIds(desk.keyring, desk.pool.name, rule, key),
  };
}

export function remember(desk: Desk, sighting: Sighting, id: string, pin: Pin, now: number): void {
  if (sighting.kind !== "keyed") return;
  const { origin, generation, created, seen } = pin;
  desk.leases.set(sighting.rule.id, sighting.key, {
    id,
    origin,
    generation,
    created,
    seen,
    since: now,
  });
}

/** Whether a key that the map does not know may be stored because a client shows it. */
function believes(sighting: Sighting): boolean {
  return sighting.kind === "keyed" && sighting.rule.learn !== "response";
}

function isAt(pin: Pin, standing: Standing): boolean {
  return pin.origin === standing.origin.name && pin.generation >= standing.generation;
}

export function placeOf(standing: Standing): Place {
  return { origin: standing.origin.name, generation: standing.generation };
}

function placed(
  standing: Standing,
  outcome: Outcome,
  rule: Rule | null,
  moved: Moved | null,
  held: readonly Held[],
): Placed {
  return { kind: "placed", standing, outcome, rule, moved, held };
}

function warn(message: string, desk: Desk, error: unknown): void {
  console.warn(JSON.stringify({ message, pool: desk.pool.name, error: String(error) }));
}
