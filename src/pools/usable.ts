import type { Pool, Snapshot, Standing } from "../model.ts";
import type { PoolView } from "./view.ts";

/** Which origins may be used, for what. Pure: a snapshot from the configuration and a view. */

export function snapshot(pool: Pool, view: PoolView): Snapshot {
  const set = new Map(view.origins.map((row) => [row.name, row]));
  const standings = pool.origins.map((origin): Standing => {
    const row = set.get(origin.name);
    const state = row?.state ?? origin.state;
    return {
      origin,
      state,
      weight: row?.weight ?? origin.weight,
      generation: row?.generation ?? 1,
      keep: state !== "disabled",
      lost: state === "disabled" ? "disabled" : null,
    };
  });
  return {
    standings: new Map(standings.map((standing) => [standing.origin.name, standing])),
    takers: takersOf(standings),
    recalled: new Set(view.recalled),
    askBefore: view.askBefore,
  };
}

function takersOf(standings: readonly Standing[]): readonly Standing[] {
  const usable = standings.filter(({ keep, state }) => keep && state === "active");
  if (usable.length === 0) {
    const draining = standings.filter(({ keep }) => keep);
    return draining.map((standing) => ({ ...standing, weight: Math.max(1, standing.weight) }));
  }
  const tier = Math.min(...usable.map(({ origin }) => origin.tier));
  return usable.filter(({ origin }) => origin.tier === tier);
}
