import type { State } from "../model.ts";

/** All SQL of a pool's control object. */

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS origins (
    name TEXT PRIMARY KEY,
    state TEXT,
    weight INTEGER,
    generation INTEGER NOT NULL DEFAULT 1,
    probe TEXT NOT NULL DEFAULT 'up',
    streak INTEGER NOT NULL DEFAULT 0,
    ejected_until INTEGER NOT NULL DEFAULT 0,
    up_since INTEGER,
    drain_since INTEGER,
    drain_deadline INTEGER,
    drained INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE IF NOT EXISTS recalled (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    until INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    origin TEXT,
    cause TEXT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS retired (
    digest TEXT PRIMARY KEY,
    at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS control (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    ask_before INTEGER NOT NULL,
    asked_at INTEGER NOT NULL,
    rebalanced_at INTEGER NOT NULL,
    plan TEXT
  );
  INSERT OR IGNORE INTO control VALUES (1, 1, 0, 0, 0, NULL);
`;

export interface OriginRow extends Record<string, SqlStorageValue> {
  name: string;
  /** What the operator set; null: the configuration holds. */
  state: State | null;
  weight: number | null;
  generation: number;
  /** What active probes say, and how many in a row say the contrary. */
  probe: "up" | "down";
  streak: number;
  /** Ejected by observation up to this time; ms since the epoch. */
  ejected_until: number;
  /** When it came back last; null if it never was away. */
  up_since: number | null;
  drain_since: number | null;
  /** Null while draining: until the last session ends. */
  drain_deadline: number | null;
  /** 1 once a drain has ended: the sessions left are moved. */
  drained: number;
}

export interface EventRow extends Record<string, SqlStorageValue> {
  id: number;
  at: number;
  kind: string;
  origin: string | null;
  cause: string;
}

interface ControlRow extends Record<string, SqlStorageValue> {
  version: number;
  ask_before: number;
  asked_at: number;
  rebalanced_at: number;
  plan: string | null;
}

const EVENTS_MOST = 1_000;
const RETIRED_MOST = 16;

export function statements(sql: SqlStorage) {
  sql.exec(SCHEMA);
  return {
    control: () => sql.exec<ControlRow>("SELECT * FROM control").one(),
    bump: () => sql.exec("UPDATE control SET version = version + 1"),
    setAskedAt: (at: number) => sql.exec("UPDATE control SET asked_at = ?", at),
    setRebalancedAt: (at: number) => sql.exec("UPDATE control SET rebalanced_at = ?", at),
    setPlan: (plan: string) => sql.exec("UPDATE control SET plan = ?", plan),

    /** Configurations that another has followed. */
    isRetired: (digest: string) =>
      sql.exec("SELECT 1 FROM retired WHERE digest = ?", digest).toArray().length > 0,
    retire: (digest: string, at: number) => {
      sql.exec("INSERT OR REPLACE INTO retired VALUES (?, ?)", digest, at);
      sql.exec(
        "DELETE FROM retired WHERE digest NOT IN (SELECT digest FROM retired ORDER BY at DESC LIMIT ?)",
        RETIRED_MOST,
      );
    },

    origins: () => sql.exec<OriginRow>("SELECT * FROM origins").toArray(),
    origin: (name: string): OriginRow => {
      sql.exec("INSERT OR IGNORE INTO origins (name) VALUES (?)", name);
      return sql.exec<OriginRow>("SELECT * FROM origins WHERE name = ?", name).one();
    },
    putOrigin: (row: OriginRow) =>
      sql.exec(
        `UPDATE origins SET state = ?, weight = ?, generation = ?, probe = ?, streak = ?,
           ejected_until = ?, up_since = ?, drain_since = ?, drain_deadline = ?, drained = ?
         WHERE name = ?`,
        row.state,
        row.weight,
        row.generation,
        row.probe,
        row.streak,
        row.ejected_until,
        row.up_since,
        row.drain_since,
        row.drain_deadline,
        row.drained,
        row.name,
      ),

    recalled: () => sql.exec<{ id: string; at: number }>("SELECT id, at FROM recalled").toArray(),
    recall: (id: string, at: number, until: number) =>
      sql.exec("INSERT OR REPLACE INTO recalled VALUES (?, ?, ?)", id, at, until),
    dropRecalledUpTo(now: number): number {
      sql.exec("DELETE FROM recalled WHERE until <= ?", now);
      return sql.exec<{ n: number }>("SELECT changes() AS n").one().n;
    },
    recallAllBefore: (time: number) => {
      sql.exec("UPDATE control SET ask_before = ?", time);
      sql.exec("DELETE FROM recalled");
    },

    /** The new event's id. */
    note(at: number, kind: string, origin: string | null, cause: string): number {
      const { id } = sql
        .exec<{ id: number }>(
          "INSERT INTO events (at, kind, origin, cause) VALUES (?, ?, ?, ?) RETURNING id",
          at,
          kind,
          origin,
          cause,
        )
        .one();
      sql.exec("DELETE FROM events WHERE id <= ?", id - EVENTS_MOST);
      return id;
    },
    retell: (id: number, cause: string) =>
      sql.exec("UPDATE events SET cause = ? WHERE id = ?", cause, id),
    /** Newest first, up to a time. */
    events: (upTo: number, most: number) =>
      sql
        .exec<EventRow>(
          "SELECT id, at, kind, origin, cause FROM events WHERE at <= ? ORDER BY at DESC, id DESC LIMIT ?",
          upTo,
          most,
        )
        .toArray(),
  };
}

export type Statements = ReturnType<typeof statements>;
