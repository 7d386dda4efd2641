import { believes } from "../../affinity/held.ts";
import type { Desk, Located, Visit } from "../../affinity/desk.ts";
import { isUsable } from "../../affinity/locate.ts";
import { idsOf } from "../../affinity/located.ts";
import type { Rule, Snapshot } from "../../model.ts";
import type { RuleVerdict, Verdict } from "../schemas.ts";

/** What every rule of a pool makes of a request. */

export async function verdictsOf(
  desk: Desk,
  visit: Visit,
  located: readonly Located[],
): Promise<RuleVerdict[]> {
  const winner = located.findIndex(isUsable);
  return Promise.all(
    located.map(async (one, index): Promise<RuleVerdict> => {
      const isDecided = winner !== -1 && index > winner;
      const [verdict, why] = judge(one, visit, isDecided);
      const { rule, key, pin } = one;
      return {
        by: rule.by,
        name: rule.name,
        pin: rule.pin,
        key: key === null ? null : await nameOf(desk, rule, key),
        verdict,
        why,
        origin: pin?.origin ?? null,
        age: ageOf(one, visit.now),
      };
    }),
  );
}

function judge(one: Located, visit: Visit, isDecided: boolean): [Verdict, string] {
  const { sighting, rule, pin, lost, flaw, degraded } = one;
  if (sighting.kind === "absent") return ["absent", `the request shows no ${whatOf(rule)}`];
  if (flaw === "invalid") {
    return ["invalid", "forged, damaged, of another pool, or of an origin that is not configured"];
  }
  if (flaw === "expired") return ["expired", "past its idle time or its lifetime"];
  if (pin !== null && lost !== null) return ["lost", lostText(pin.origin, lost, visit.snapshot)];
  if (pin !== null) {
    const isDraining = visit.snapshot.standings.get(pin.origin)?.state === "draining";
    const draining = isDraining ? ", which is draining and keeps its sessions" : "";
    const unsure = degraded ? "; the session map does not answer" : "";
    return ["usable", `${heldText(rule)} ${pin.origin}${draining}${unsure}`];
  }
  if (degraded) return ["degraded", "the session map does not answer"];
  if (sighting.kind === "hashed") return ["lost", "no origin may serve sessions"];
  if (isDecided) return ["skipped", "not looked up: an earlier rule has decided"];
  if (!believes(sighting)) return ["unknown", "no origin has issued it, and only such IDs count"];
  const next = visit.mayMake() ? "it is stored with this request" : "this request stores nothing";
  return ["unknown", `the session map does not have it; ${next}`];
}

function whatOf({ by, name }: Rule): string {
  switch (by) {
    case "cookie":
      return "affinity cookie";
    case "app-cookie":
      return `cookie ${name}`;
    case "header":
      return `header ${name}`;
    case "query":
      return `query parameter ${name}`;
    case "path":
      return `key by ${name} in its path`;
    case "ip":
      return "client address";
  }
}

function heldText({ pin }: Rule): string {
  switch (pin) {
    case "cookie":
    case "embed":
    case "map":
      return "pinned to";
    case "route":
      return "names";
    case "hash":
      return "hashes to";
  }
}

/** Why a pin can't be used, as part of a sentence about its origin. */
export function lostText(
  origin: string,
  lost: NonNullable<Located["lost"]>,
  { standings }: Snapshot,
): string {
  switch (lost) {
    case "down":
      return `${origin} is down`;
    case "drained":
      return `${origin} has been drained`;
    case "disabled":
      return `${origin} is disabled`;
    case "released":
      return standings.has(origin)
        ? `its pin to ${origin} has been released`
        : `${origin} is not configured any more`;
    case "admin":
      return `it has been moved away from ${origin}`;
  }
}

/** The id under which the map has the session; while a secret is rotated it may still be an older one. */
async function nameOf(desk: Desk, rule: Rule, key: string): Promise<string> {
  const ids = await idsOf(desk, rule, key);
  const [first = "", ...older] = ids;
  if (older.length === 0) return first;
  const found = await Promise.all(ids.map((id) => desk.store.find(id).catch(() => null)));
  return found.find((session) => session !== null)?.id ?? first;
}

function ageOf({ sighting, pin }: Located, now: number): number | null {
  if (sighting.kind === "carried") return seconds(now - sighting.token.renewed);
  return sighting.kind === "keyed" && pin !== null ? seconds(now - pin.seen) : null;
}

function seconds(ms: number): number {
  return Math.max(0, Math.floor(ms / 1000));
}
