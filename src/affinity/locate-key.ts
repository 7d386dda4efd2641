import type { Desk, Located, Visit } from "./desk.ts";
import { heldRow, here, idsOf, lostReason, movedFrom, nowhere } from "./located.ts";
import { renewSoon } from "./renew-soon.ts";
import type { Sighting } from "./sighting.ts";

type Keyed = Extract<Sighting, { kind: "keyed" }>;

/** Pins that the map alone keeps: remembered by this isolate for a lease, else asked for. */
export function locateKey(
  desk: Desk,
  visit: Visit,
  sighting: Keyed,
  ask: boolean,
): Located | Promise<Located> {
  const { rule, key } = sighting;
  const { now, snapshot } = visit;
  const known = desk.leases.get(rule.id, key, now, snapshot);
  if (known !== null) {
    if (now - known.since >= desk.pool.sessions.leaseMs / 2) {
      renewSoon(desk, visit, rule, key, null);
    }
    const isQuiet = desk.pool.rules.length === 1 && lostReason(snapshot, known) === null;
    const held = isQuiet ? null : heldRow(sighting, known, () => idsOf(desk, rule, key));
    return here(sighting, snapshot, known, held);
  }
  return ask ? askFor(desk, visit, sighting) : nowhere(sighting, null);
}

async function askFor(
  desk: Desk,
  { now, snapshot, background }: Visit,
  sighting: Keyed,
): Promise<Located> {
  const { rule, key } = sighting;
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
