import type { Desk, Located, Visit } from "./desk.ts";
import { current, here, nowhere } from "./located.ts";
import { locateKey } from "./locate-key.ts";
import { locateToken } from "./locate-token.ts";
import type { Sighting } from "./sighting.ts";

/** What is known of every rule's pin. A promise only if there are several rules, or the map is asked. */
export function locateAll(
  desk: Desk,
  visit: Visit,
): readonly Located[] | Promise<readonly Located[]> {
  const [first] = visit.sightings;
  if (first === undefined || visit.sightings.length > 1) return locateEach(desk, visit);
  const found = locate(desk, visit, first, true);
  return found instanceof Promise ? found.then((one) => [one]) : [found];
}

/** Once a rule has a usable pin, the others leave the map alone. */
async function locateEach(desk: Desk, visit: Visit): Promise<readonly Located[]> {
  const located: Located[] = [];
  for (const sighting of visit.sightings) {
    const found = locate(desk, visit, sighting, !located.some(isUsable));
    located.push(found instanceof Promise ? await found : found);
  }
  return located;
}

export function isUsable({ pin, lost }: Located): boolean {
  return pin !== null && lost === null;
}

/**
 * Finds a rule's pin: in the token while its lease lasts, in this isolate's memory, or by one call
 * to the map. With `ask` false (another rule has won) the map is left alone.
 */
function locate(
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
