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
  let isKnown = true;
  const sightings = readers.map((read) => {
    const sighting = read(arrival, clientIp);
    if (sighting instanceof Promise) isKnown = false;
    return sighting;
  });
  return isKnown ? (sightings as Sighting[]) : Promise.all(sightings);
}
