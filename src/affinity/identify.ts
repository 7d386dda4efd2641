import type { Arrival } from "../arrival.ts";
import type { Reader, Sighting } from "./sighting.ts";

/** What every rule sees in a request, in the order of the rules. Most pools have one. */
export async function identify(
  readers: readonly Reader[],
  arrival: Arrival,
  clientIp: string | null,
): Promise<readonly Sighting[]> {
  const sightings: Sighting[] = [];
  for (const read of readers) sightings.push(await read(arrival, clientIp));
  return sightings;
}
