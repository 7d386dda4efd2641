import type { By, Session } from "../model.ts";
import type { Answer, Place } from "../shared/session-store.ts";
import type { Fresh, Limits } from "./protocol.ts";
import type { SessionRow } from "./statements.ts";

/** What a row means. Pure. */

/** When the session ends, if it is not used any more; ms since the epoch. */
export function endOf({ seen, created }: SessionRow, { idleMs, ttlMs }: Limits): number {
  return Math.min(seen + idleMs, created + ttlMs);
}

export function sessionOf(row: SessionRow, limits: Limits): Session {
  const { id, by, origin, generation, created, seen } = row;
  const expires = endOf(row, limits);
  return { id, by: by as By, origin: origin ?? "", generation, created, seen, expires };
}

/** The rows of `record`'s text. */
export function freshRows(text: string, seen: number): SessionRow[] {
  return (JSON.parse(text) as Fresh[]).map(([id, by, origin, generation, created]) => ({
    id,
    by,
    origin,
    generation,
    created,
    seen,
  }));
}

export function isAt(row: SessionRow, place: Place): boolean {
  return row.origin === place.origin && row.generation === place.generation;
}

export function pinned(row: SessionRow, fresh: boolean): Answer {
  const { origin, generation, created, seen } = row;
  return { kind: "pinned", fresh, origin: origin ?? "", generation, created, seen };
}
