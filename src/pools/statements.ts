import type { State } from "../model.ts";

/** All SQL of a pool's control object. */

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS origins (
    name TEXT PRIMARY KEY,
    state TEXT,
    weight INTEGER,
    generation INTEGER NOT NULL DEFAULT 1
  );
  CREATE TABLE IF NOT EXISTS recalled (
    id TEXT PRIMARY KEY,
    until INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS control (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    ask_before INTEGER NOT NULL
  );
  INSERT OR IGNORE INTO control VALUES (1, 1, 0);
`;

export interface OriginRow extends Record<string, SqlStorageValue> {
  name: string;
  /** What the operator set; null: the configuration holds. */
  state: State | null;
  weight: number | null;
  generation: number;
}

export interface ControlRow extends Record<string, SqlStorageValue> {
  version: number;
  ask_before: number;
}

export function statements(sql: SqlStorage) {
  sql.exec(SCHEMA);
  return {
    control: () => sql.exec<ControlRow>("SELECT version, ask_before FROM control").one(),
    bump: () => sql.exec("UPDATE control SET version = version + 1"),
    origins: () =>
      sql.exec<OriginRow>("SELECT name, state, weight, generation FROM origins").toArray(),

    recalled: () => sql.exec<{ id: string }>("SELECT id FROM recalled").toArray(),
    recall: (id: string, until: number) =>
      sql.exec("INSERT OR REPLACE INTO recalled VALUES (?, ?)", id, until),
    dropRecalledUpTo(now: number): number {
      sql.exec("DELETE FROM recalled WHERE until <= ?", now);
      return sql.exec<{ n: number }>("SELECT changes() AS n").one().n;
    },
    recallAllBefore: (time: number) => {
      sql.exec("UPDATE control SET ask_before = ?", time);
      sql.exec("DELETE FROM recalled");
    },
  };
}

export type Statements = ReturnType<typeof statements>;
