import type { Desk, Located, Visit } from "./desk.ts";
import { current, here, nowhere } from "./located.ts";
import { locateKey } from "./locate-key.ts";
import { locateToken } from "./locate-token.ts";
import type { Sighting } from "./sighting.ts";

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
