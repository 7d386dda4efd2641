import type { By, Session } from "../model.ts";
import type { Answer, Place } from "../shared/session-store.ts";
import type { Fresh, Limits } from "./protocol.ts";
import type { SessionRow } from "./statements.ts";

/** What a row means, wherever it is kept. Pure. */

/**
 * What a store keeps of a session beside its id. Alive while `seen + idle` and `created + ttl` lie ahead.
 * `origin` null marks a released session: it voids the pins that clients still carry, until those have
 * ended by themselves.
 */
export interface Row {
  readonly by: string;
  readonly origin: string | null;
  readonly generation: number;
  readonly created: number;
  readonly seen: number;
}

type Lifetimes = Pick<Limits, "idleMs" | "ttlMs">;

/** When the session ends, if it is not used any more; ms since the epoch. */
export function endOf({ seen, created }: Row, { idleMs, ttlMs }: Lifetimes): number {
  return Math.min(seen + idleMs, created + ttlMs);
}

export function sessionOf(id: string, row: Row, limits: Lifetimes): Session {
  const { by, origin, generation, created, seen } = row;
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

export function isAt(row: Row, place: Place): boolean {
  return row.origin === place.origin && row.generation === place.generation;
}

export function pinned(row: Row, fresh: boolean): Answer {
  const { origin, generation, created, seen } = row;
  return { kind: "pinned", fresh, origin: origin ?? "", generation, created, seen };
}
