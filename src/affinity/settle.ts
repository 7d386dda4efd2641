import type { FailoverSettings, Pin, Standing } from "../model.ts";
import type { MoveReason, Outcome } from "../outcome.ts";
import type { Desk, Located, Moved, Placement, Visit } from "./desk.ts";
import { believes, heldFor, newRow, placed, placeOf } from "./held.ts";
import { isUsable, locateAll } from "./locate.ts";
import type { Sighting } from "./sighting.ts";

type OnLost = FailoverSettings["onLost"];

/**
 * Which origin serves this request, and where its pin is to be kept. Reads the map; the
 * one thing it writes is the first assignment of a new key, which the map must decide before any
 * origin sees the request. Everything else is written by `commit`, once an origin has answered. A
 * promise only if the map was asked.
 */
export function settle(desk: Desk, visit: Visit): Placement | Promise<Placement> {
  const located = locateAll(desk, visit);
  return located instanceof Promise
    ? located.then((all) => conclude(desk, visit, all))
    : conclude(desk, visit, located);
}

function conclude(
  desk: Desk,
  visit: Visit,
  located: readonly Located[],
): Placement | Promise<Placement> {
  const winner = located.find(isUsable);
  if (winner?.pin) return follow(desk, visit, located, winner, winner.pin);
  const lost = located.find(({ pin }) => pin !== null);
  return lost?.pin ? replace(desk, visit, located, lost, lost.pin) : start(desk, visit, located);
}

/** A usable pin: its origin serves, and every other rule that can keep the pin does so. */
function follow(
  desk: Desk,
  visit: Visit,
  located: readonly Located[],
  winner: Located,
  pin: Pin,
): Placement {
  const standing = visit.snapshot.standings.get(pin.origin);
  if (standing === undefined) return { kind: "nobody" };
  const isDegraded = located.some(({ degraded }) => degraded);
  // The usual case: one rule, nothing to renew, nothing to store.
  if (located.length === 1 && winner.held === null) {
    return placed(standing, isDegraded ? "degraded" : "hit", winner.rule, null, []);
  }
  const moved = movedTo(visit, located, winner, pin);
  const outcome = isDegraded ? "degraded" : moved ? "moved" : "hit";
  return placed(standing, outcome, winner.rule, moved, heldFor(desk, visit, located, standing));
}

/** Where the session was before, if a lost rule or somebody else's move has brought it here. */
function movedTo(
  { snapshot }: Visit,
  located: readonly Located[],
  winner: Located,
  pin: Pin,
): Moved | null {
  if (winner.movedFrom !== null) {
    const from = winner.movedFrom;
    return { from, reason: snapshot.standings.get(from)?.lost ?? "admin" };
  }
  const earlier = located.find((one) => one.pin !== null && one.lost !== null);
  const isHere = earlier?.pin?.origin === pin.origin;
  return earlier?.pin && earlier.lost && !isHere
    ? { from: earlier.pin.origin, reason: earlier.lost }
    : null;
}

/** The pin can't be used: refuse, serve elsewhere, or move the session. */
function replace(
  desk: Desk,
  visit: Visit,
  located: readonly Located[],
  lost: Located,
  pin: Pin,
): Placement {
  const reason = lost.lost ?? "released";
  const old = visit.snapshot.standings.get(pin.origin) ?? null;
  const onLost = policyFor(lost.sighting, reason, old, desk.pool.failover.onLost);
  if (onLost === "refuse") return { kind: "refused", rule: lost.rule };
  // By key, so that parallel requests of the session agree, and a detour is the same every time.
  // A released session is free to go anywhere, but an envelope can't tell the next request where.
  const standing =
    reason === "released"
      ? visit.choose({ avoid: null, key: lost.rule.pin === "embed" ? lost.key : null })
      : visit.choose({ avoid: old, key: lost.key });
  if (standing === null) return { kind: "nobody" };
  const moved = standing.origin.name === pin.origin ? null : { from: pin.origin, reason };
  if (onLost === "detour") return placed(standing, "detour", lost.rule, moved, []);
  const isDegraded = located.some(({ degraded }) => degraded);
  const outcome = isDegraded ? "degraded" : moved ? "moved" : "new";
  return placed(standing, outcome, lost.rule, moved, heldFor(desk, visit, located, standing));
}

/**
 * A released session is free. A detour is for origins that will be back: what the operator has taken
 * away, or is draining, is left for good.
 */
function policyFor(
  sighting: Sighting,
  reason: MoveReason,
  old: Standing | null,
  onLost: OnLost,
): OnLost {
  if (reason === "released") return onLost === "refuse" && isStranger(sighting) ? onLost : "repin";
  const isLeaving = reason !== "down" || old?.state === "draining";
  return onLost === "detour" && isLeaving ? "repin" : onLost;
}

/** No pin at all: balancing proposes, and the first rule with a map decides. */
async function start(desk: Desk, visit: Visit, located: readonly Located[]): Promise<Placement> {
  const failed = located.find(({ degraded }) => degraded);
  const stranger = located.find(({ sighting }) => isStranger(sighting));
  if (stranger && failed === undefined && desk.pool.failover.onLost === "refuse") {
    return { kind: "refused", rule: stranger.rule };
  }
  const candidate = visit.choose({ avoid: null, key: failed?.key ?? null });
  if (candidate === null) return { kind: "nobody" };
  if (!visit.mayMake()) {
    return placed(candidate, located.length > 0 ? "skip" : "none", null, null, []);
  }
  if (failed !== undefined) {
    const held = heldFor(desk, visit, located, candidate);
    return placed(candidate, "degraded", failed.rule, null, held);
  }
  const decider = located.find(({ sighting }) => believes(sighting));
  if (decider !== undefined) return decide(desk, visit, located, decider, candidate);
  const held = heldFor(desk, visit, located, candidate);
  const flaw = located.find((one) => one.flaw !== null)?.flaw ?? null;
  const outcome = held.length === 0 ? "none" : (flaw ?? "new");
  return placed(candidate, outcome, held[0]?.rule ?? null, null, held);
}

/** Lets the map choose between our candidate and whoever came first. */
async function decide(
  desk: Desk,
  visit: Visit,
  located: readonly Located[],
  decider: Located,
  candidate: Standing,
): Promise<Placement> {
  const others = located.filter((one) => one !== decider);
  const { rule, sighting, key } = decider;
  const own = newRow(desk, decider, visit.now);
  // Where the session began while the map failed, which it has yet to be told.
  const began = desk.leases.pending.get(`${rule.id}\0${key}`);
  const home = began === undefined ? undefined : visit.snapshot.standings.get(began);
  const proposed = home?.keep ? home : candidate;
  let standing = proposed;
  let outcome: Outcome = "new";
  let stored = own;
  try {
    const ids = await own.ids();
    const proposal = { ...placeOf(proposed), created: null, carried: false };
    const answer = await desk.store.assign(ids, rule.by, proposal, visit.background);
    if (answer.kind === "pinned") {
      remember(desk, sighting, ids[0] ?? "", answer, visit.now);
      if (answer.fresh) stored = { ...own, at: placeOf(proposed) };
      const there = visit.snapshot.standings.get(answer.origin);
      if (!answer.fresh && there?.keep) {
        standing = there;
        outcome = "hit";
      }
    }
  } catch {
    standing = visit.choose({ avoid: null, key }) ?? candidate;
    outcome = "degraded";
  }
  const held = heldFor(desk, visit, others, standing);
  return placed(standing, outcome, rule, null, outcome === "hit" ? held : [stored, ...held]);
}

function remember(desk: Desk, sighting: Sighting, id: string, pin: Pin, now: number): void {
  if (sighting.kind !== "keyed") return;
  const { origin, generation, created, seen } = pin;
  const lease = { id, origin, generation, created, seen, since: now };
  desk.leases.set(sighting.rule.id, sighting.key, lease);
}

/**
 * A session header that no origin issued, or whose session has ended: the client is told so and begins
 * anew, as MCP wants it. A browser would keep a stale cookie, so cookies are not refused.
 */
function isStranger(sighting: Sighting): boolean {
  if (sighting.kind !== "keyed") return false;
  return sighting.rule.by === "header" && sighting.rule.learn === "response";
}
