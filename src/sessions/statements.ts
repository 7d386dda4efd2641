import type { Filter, Place } from "../session-store.ts";

/** All SQL of a session map shard: the schema, the row, and every statement by name. */

/**
 * A row is alive while `seen + idle` and `created + ttl` lie ahead; its end is derived, so a changed
 * setting counts at once. The indexes carry expiry and eviction (seen), absolute expiry (created;
 * never rewritten by a renewal) and everything that is asked per origin. `origin` NULL marks a
 * released session: it voids the pins that clients still carry, until those have ended by themselves.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY,
    by TEXT NOT NULL,
    origin TEXT,
    generation INTEGER NOT NULL,
    created INTEGER NOT NULL,
    seen INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS sessions_seen ON sessions (seen);
  CREATE INDEX IF NOT EXISTS sessions_created ON sessions (created);
  CREATE INDEX IF NOT EXISTS sessions_origin ON sessions (origin);
  CREATE TABLE IF NOT EXISTS limits (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    idle INTEGER NOT NULL,
    ttl INTEGER NOT NULL,
    cap INTEGER NOT NULL
  );
`;

export interface SessionRow extends Record<string, SqlStorageValue> {
  id: string;
  by: string;
  origin: string | null;
  generation: number;
  created: number;
  seen: number;
}

export interface LimitsRow extends Record<string, SqlStorageValue> {
  idle: number;
  ttl: number;
  cap: number;
}

export function statements(sql: SqlStorage) {
  sql.exec(SCHEMA);
  const changes = () => sql.exec<{ n: number }>("SELECT changes() AS n").one().n;
  const columns = "id, by, origin, generation, created, seen";
  return {
    limits: () => sql.exec<LimitsRow>("SELECT idle, ttl, cap FROM limits").toArray()[0] ?? null,
    setLimits: ({ idle, ttl, cap }: LimitsRow) =>
      sql.exec("INSERT OR REPLACE INTO limits VALUES (1, ?, ?, ?)", idle, ttl, cap),

    get: (id: string) =>
      sql.exec<SessionRow>(`SELECT ${columns} FROM sessions WHERE id = ?`, id).toArray()[0] ?? null,
    put: (row: SessionRow) =>
      sql.exec(
        "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?, ?)",
        row.id,
        row.by,
        row.origin,
        row.generation,
        row.created,
        row.seen,
      ),
    touch: (id: string, seen: number) =>
      sql.exec("UPDATE sessions SET seen = ? WHERE id = ?", seen, id),
    /** This and the other deletions return how many rows went. */
    drop(id: string): number {
      sql.exec("DELETE FROM sessions WHERE id = ?", id);
      return changes();
    },

    size: () => sql.exec<{ n: number }>("SELECT COUNT(*) AS n FROM sessions").one().n,
    oldestSeen: () => sql.exec<{ t: number | null }>("SELECT MIN(seen) AS t FROM sessions").one().t,
    oldestCreated: () =>
      sql.exec<{ t: number | null }>("SELECT MIN(created) AS t FROM sessions").one().t,
    dropSeenUpTo(seen: number, most: number): number {
      sql.exec(
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE seen <= ? ORDER BY seen LIMIT ?)",
        seen,
        most,
      );
      return changes();
    },
    dropCreatedUpTo(created: number, most: number): number {
      sql.exec(
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE created <= ? ORDER BY created LIMIT ?)",
        created,
        most,
      );
      return changes();
    },
    dropLeastRecentlySeen(most: number): number {
      sql.exec(
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions ORDER BY seen LIMIT ?)",
        most,
      );
      return changes();
    },

    dropOlder(origin: string, generation: number, most: number): number {
      sql.exec(
        `DELETE FROM sessions WHERE id IN
           (SELECT id FROM sessions WHERE origin = ? AND generation < ? LIMIT ?)`,
        origin,
        generation,
        most,
      );
      return changes();
    },
    /** Of those alive (seen and created after these times) the ones seen least recently. */
    moveSeenUpTo(
      from: string,
      to: Place,
      seen: number,
      seenAfter: number,
      createdAfter: number,
      most: number,
    ): number {
      sql.exec(
        `UPDATE sessions SET origin = ?, generation = ? WHERE id IN
           (SELECT id FROM sessions WHERE origin = ? AND seen <= ? AND seen > ? AND created > ?
            ORDER BY seen LIMIT ?)`,
        to.origin,
        to.generation,
        from,
        seen,
        seenAfter,
        createdAfter,
        most,
      );
      return changes();
    },

    /** Live sessions after an id, in the order of ids. */
    page: (after: string, { origin, by }: Filter, seen: number, created: number, most: number) =>
      sql
        .exec<SessionRow>(
          `SELECT ${columns} FROM sessions
           WHERE id > ? AND ${origin === null ? "origin IS NOT NULL AND ? IS NULL" : "origin = ?"}
             AND (by = ? OR ? IS NULL) AND seen > ? AND created > ?
           ORDER BY id LIMIT ?`,
          after,
          origin,
          by,
          by,
          seen,
          created,
          most,
        )
        .toArray(),
    count: (seen: number, created: number) =>
      sql
        .exec<{ origin: string; n: number }>(
          `SELECT origin, COUNT(*) AS n FROM sessions
           WHERE origin IS NOT NULL AND seen > ? AND created > ? GROUP BY origin`,
          seen,
          created,
        )
        .toArray(),
  };
}

export type Statements = ReturnType<typeof statements>;
