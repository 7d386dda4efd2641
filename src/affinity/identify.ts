import type { Arrival } from "../shared/arrival.ts";
import type { Reader, Sighting } from "./sighting.ts";

/**
 * What every rule sees in a request, in the order of the rules. A promise only when a token has to be
 * verified.
 */
export function identify(
  readers: readonly Reader[],
  arrival: Arrival,
  clientIp: string | null,
): readonly Sighting[] | Promise<readonly Sighting[]> {
  const sightings: (Sighting | Promise<Sighting>)[] = [];
  let isKnown = true;
  for (const read of readers) {
    const sighting = read(arrival, clientIp);
    if (sighting instanceof Promise) isKnown = false;
    sightings.push(sighting);
  }
  return isKnown ? (sightings as Sighting[]) : Promise.all(sightings);
}
