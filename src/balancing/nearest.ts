import type { Standing } from "../model.ts";

/** Where a request entered, as far as it is known. */
interface Entry {
  readonly colo?: unknown;
  readonly country?: unknown;
  readonly continent?: unknown;
}

/**
 * The origins nearest to where the request entered: those that name its colo, else its country, else
 * its continent, else those that name no region, else all. Pure.
 */
export function nearestOf(list: readonly Standing[], entry: unknown): readonly Standing[] {
  const { colo, country, continent } = (entry ?? {}) as Entry;
  for (const place of [colo, country, continent]) {
    if (typeof place !== "string") continue;
    const near = list.filter(({ origin }) => origin.regions.includes(place.toUpperCase()));
    if (near.length > 0) return near;
  }
  const anywhere = list.filter(({ origin }) => origin.regions.length === 0);
  return anywhere.length > 0 ? anywhere : list;
}
