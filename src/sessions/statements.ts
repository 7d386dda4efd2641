import type { Filter, Place } from "../shared/session-store.ts";

/** All SQL of a session map shard: the schema, the row, and every statement by name. */

/**
 * A row is alive while `seen + idle` and `created + ttl` lie ahead; its end is derived, so a changed
 * setting counts at once. The indexes carry expiry and eviction (seen), absolute expiry (created;
 * never rewritten by a renewal) and everything that is asked per origin or rule. `origin` NULL marks a
 * released session: it voids the pins that clients still carry, until those have ended by themselves.
 *
 * Rows lie in the order of their arrival, not of their ids, which are random: many new rows at once
 * then fill a few pages of the table and of three indexes, and only the ids' own index is written all
 * over. That halves what recording a session costs.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY NOT NULL,
    by TEXT NOT NULL,
    origin TEXT,
    generation INTEGER NOT NULL,
    created INTEGER NOT NULL,
    seen INTEGER NOT NULL
  );
  CREATE INDEX IF NOT EXISTS sessions_seen ON sessions (seen);
  CREATE INDEX IF NOT EXISTS sessions_created ON sessions (created);
  CREATE INDEX IF NOT EXISTS sessions_origin ON sessions (origin, by);
  CREATE TABLE IF NOT EXISTS limits (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    idle INTEGER NOT NULL,
    ttl INTEGER NOT NULL,
    cap INTEGER NOT NULL
  );
`;

/** Rows per statement: six values each, and a query has 100 at most. */
const INSERT_SIZES = [16, 4, 1];

function insertOf(rows: number): string {
  const values = Array.from({ length: rows }, () => "(?, ?, ?, ?, ?, ?)").join(", ");
  return `INSERT OR IGNORE INTO sessions (id, by, origin, generation, created, seen) VALUES ${values}`;
}

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

type Dropped = Pick<SessionRow, "origin" | "by">;

export function statements(sql: SqlStorage) {
  sql.exec(SCHEMA);
  const changes = () => sql.exec<{ n: number }>("SELECT changes() AS n").one().n;
  const drop = (which: string, ...values: SqlStorageValue[]): Dropped[] =>
    sql
      .exec<Dropped>(`DELETE FROM sessions WHERE ${which} RETURNING origin, by`, ...values)
      .toArray();
  const columns = "id, by, origin, generation, created, seen";
  return {
    limits: () => sql.exec<LimitsRow>("SELECT idle, ttl, cap FROM limits").toArray()[0] ?? null,
    setLimits: ({ idle, ttl, cap }: LimitsRow) =>
      sql.exec("INSERT OR REPLACE INTO limits VALUES (1, ?, ?, ?)", idle, ttl, cap),

    get: (id: string) =>
      sql.exec<SessionRow>(`SELECT ${columns} FROM sessions WHERE id = ?`, id).toArray()[0] ?? null,
    put: ({ id, by, origin, generation, created, seen }: SessionRow) =>
      sql.exec(
        `INSERT INTO sessions (${columns}) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET by = excluded.by, origin = excluded.origin,
           generation = excluded.generation, created = excluded.created, seen = excluded.seen`,
        id,
        by,
        origin,
        generation,
        created,
        seen,
      ),
    /** Stores rows whose ids are new, and no others; whether all were. */
    insert(rows: readonly SessionRow[]): boolean {
      let stored = 0;
      for (let from = 0; from < rows.length;) {
        const size = INSERT_SIZES.find((one) => one <= rows.length - from) ?? 1;
        const values: SqlStorageValue[] = [];
        for (const { id, by, origin, generation, created, seen } of rows.slice(from, from + size)) {
          values.push(id, by, origin, generation, created, seen);
        }
        sql.exec(insertOf(size), ...values);
        stored += changes();
        from += size;
      }
      return stored === rows.length;
    },
    touch: (id: string, seen: number) =>
      sql.exec("UPDATE sessions SET seen = ? WHERE id = ?", seen, id),
    /** This and the other deletions return what went. */
    drop: (id: string) => drop("id = ?", id),

    /** Rows by origin and rule, whether alive or not. */
    tally: () =>
      sql
        .exec<Dropped & { n: number }>(
          "SELECT origin, by, COUNT(*) AS n FROM sessions GROUP BY origin, by",
        )
        .toArray(),
    oldestSeen: () => sql.exec<{ t: number | null }>("SELECT MIN(seen) AS t FROM sessions").one().t,
    oldestCreated: () =>
      sql.exec<{ t: number | null }>("SELECT MIN(created) AS t FROM sessions").one().t,
    dropSeenUpTo: (seen: number, most: number) =>
      drop(
        "rowid IN (SELECT rowid FROM sessions WHERE seen <= ? ORDER BY seen LIMIT ?)",
        seen,
        most,
      ),
    dropCreatedUpTo: (created: number, most: number) =>
      drop(
        "rowid IN (SELECT rowid FROM sessions WHERE created <= ? ORDER BY created LIMIT ?)",
        created,
        most,
      ),
    dropLeastRecentlySeen: (most: number) =>
      drop("rowid IN (SELECT rowid FROM sessions ORDER BY seen LIMIT ?)", most),
    dropOlder: (origin: string, generation: number, most: number) =>
      drop(
        "rowid IN (SELECT rowid FROM sessions WHERE origin = ? AND generation < ? LIMIT ?)",
        origin,
        generation,
        most,
      ),
    /** Of those alive (seen and created after these times) the ones seen least recently. */
    moveSeenUpTo: (
      from: string,
      to: Place,
      seen: number,
      seenAfter: number,
      createdAfter: number,
      most: number,
    ) =>
      sql
        .exec<Dropped>(
          `UPDATE sessions SET origin = ?, generation = ? WHERE rowid IN
             (SELECT rowid FROM sessions WHERE origin = ? AND seen <= ? AND seen > ? AND created > ?
              ORDER BY seen LIMIT ?) RETURNING origin, by`,
          to.origin,
          to.generation,
          from,
          seen,
          seenAfter,
          createdAfter,
          most,
        )
        .toArray(),

    /**
     * Live sessions after an id, in the order of ids. `few` names the origins to look under when not
     * many rows pass the filter; null walks along the ids.
     */
    page(
      after: string,
      { origin, by }: Filter,
      few: readonly string[] | null,
      seen: number,
      created: number,
      most: number,
    ): SessionRow[] {
      const among =
        few === null
          ? `${origin === null ? "+origin IS NOT NULL AND ? IS NULL" : "+origin = ?"}`
          : "origin IN (SELECT value FROM json_each(?))";
      const id = few === null ? "id" : "+id";
      return sql
        .exec<SessionRow>(
          `SELECT ${columns} FROM sessions
           WHERE ${among} AND ${by === null ? "? IS NULL" : "by = ?"} AND ${id} > ?
             AND +seen > ? AND +created > ?
           ORDER BY ${id} LIMIT ?`,
          few === null ? origin : JSON.stringify(few),
          by,
          after,
          seen,
          created,
          most,
        )
        .toArray();
    },
    /**
     * Rows that have ended, seen or created up to these times, but were not swept. The cross join keeps
     * the planner from going through all rows by origin to find these few.
     */
    countEnded: (seen: number, created: number) =>
      sql
        .exec<{ origin: string; n: number }>(
          `SELECT origin, COUNT(*) AS n FROM
             (SELECT rowid AS ended FROM sessions WHERE seen <= ?
              UNION SELECT rowid FROM sessions WHERE created <= ?)
             CROSS JOIN sessions ON sessions.rowid = ended
           WHERE origin IS NOT NULL GROUP BY origin`,
          seen,
          created,
        )
        .toArray(),
  };
}

export type Statements = ReturnType<typeof statements>;
