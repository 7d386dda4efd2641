import type { Origin, Pool, Snapshot, Standing, State } from "../model.ts";
import type { PoolView } from "./control.ts";
import type { OriginRow } from "./statements.ts";

/** Which origins may be used, for what. Pure: a snapshot from the configuration and a view. */

/** Origins that this isolate has ejected, and until when; ms since the epoch. */
export type Ejections = ReadonlyMap<string, number>;

export function snapshot(pool: Pool, view: PoolView, ejections: Ejections, now: number): Snapshot {
  const rows = new Map(view.origins.map((row) => [row.name, row]));
  let validUntil = Infinity;
  const standings = pool.origins.map((origin) => {
    const row = rows.get(origin.name);
    const outUntil = Math.max(row?.ejected_until ?? 0, ejections.get(origin.name) ?? 0);
    if (outUntil > now) validUntil = Math.min(validUntil, outUntil);
    const deadline = row?.drain_deadline ?? 0;
    if (deadline > now) validUntil = Math.min(validUntil, deadline);
    return standingOf(origin, row, now, view.counts.get(origin.name) ?? 0, outUntil);
  });
  return {
    standings: new Map(standings.map((standing) => [standing.origin.name, standing])),
    takers: takersOf(standings),
    recalled: view.recalled,
    askBefore: view.askBefore,
    countsAt: view.countsAt,
    validUntil,
  };
}

function standingOf(
  origin: Origin,
  row: Readonly<OriginRow> | undefined,
  now: number,
  sessions: number,
  outUntil: number,
): Standing {
  const weight = row?.weight ?? origin.weight;
  const configured = row?.state ?? origin.state;
  const state: State = weight === 0 && configured === "active" ? "draining" : configured;
  const health = row?.probe === "down" || outUntil > now ? "down" : "up";
  const deadline = row?.drain_deadline ?? null;
  const isDrained = row?.drained === 1 || (deadline !== null && now >= deadline);
  const lost = lostReason(state, health, isDrained);
  const upSince = Math.max(row?.up_since ?? 0, outUntil) || null;
  const generation = row?.generation ?? 1;
  return {
    origin,
    state,
    weight,
    generation,
    health,
    upSince,
    sessions,
    keep: lost === null,
    lost,
  };
}

function lostReason(state: State, health: "up" | "down", isDrained: boolean): Standing["lost"] {
  if (state === "disabled") return "disabled";
  if (health === "down") return "down";
  return state === "draining" && isDrained ? "drained" : null;
}

/**
 * Who may take a session: active and healthy, below its cap, of the first tier that has any. Draining
 * origins are the last resort, even after their drain.
 */
function takersOf(standings: readonly Standing[]): readonly Standing[] {
  const open = standings.filter(
    ({ keep, state, sessions, origin }) =>
      keep && state === "active" && sessions < origin.maxSessions,
  );
  const usable = open.length > 0 ? open : standings.filter(isLastResort).map(weighing);
  const tier = Math.min(...usable.map(({ origin }) => origin.tier));
  return usable.filter(({ origin }) => origin.tier === tier);
}

function isLastResort({ state, health }: Standing): boolean {
  return state === "draining" && health === "up";
}

function weighing(standing: Standing): Standing {
  return { ...standing, weight: Math.max(1, standing.weight) };
}

/** The same pool after one origin has failed this request. */
export function withoutOrigin(before: Snapshot, name: string): Snapshot {
  const standings = [...before.standings.values()].map((standing): Standing =>
    standing.origin.name === name
      ? { ...standing, health: "down", keep: false, lost: "down" }
      : standing,
  );
  return {
    ...before,
    standings: new Map(standings.map((standing) => [standing.origin.name, standing])),
    takers: takersOf(standings),
  };
}
