/** All SQL of what a control object keeps of its pool's counters. */

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS totals (
    origin TEXT PRIMARY KEY,
    sums TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS minutes (
    at INTEGER PRIMARY KEY,
    data TEXT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS ledger (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    since INTEGER NOT NULL,
    degraded_since INTEGER,
    degraded_last INTEGER NOT NULL,
    degraded_requests INTEGER NOT NULL
  );
`;

export interface LedgerRow extends Record<string, SqlStorageValue> {
  since: number;
  /** When the map began to fail requests; null while it does not. */
  degraded_since: number | null;
  degraded_last: number;
  degraded_requests: number;
}

export function ledgerStatements(sql: SqlStorage, now: number) {
  sql.exec(SCHEMA);
  sql.exec("INSERT OR IGNORE INTO ledger VALUES (1, ?, NULL, 0, 0)", now);
  return {
    ledger: () => sql.exec<LedgerRow>("SELECT * FROM ledger").one(),
    setDegraded: (since: number | null, last: number, requests: number) =>
      sql.exec(
        "UPDATE ledger SET degraded_since = ?, degraded_last = ?, degraded_requests = ?",
        since,
        last,
        requests,
      ),
    totals: () =>
      sql.exec<{ origin: string; sums: string }>("SELECT origin, sums FROM totals").toArray(),
    setTotals: (origin: string, sums: string) =>
      sql.exec("INSERT OR REPLACE INTO totals VALUES (?, ?)", origin, sums),
    /** Oldest first. */
    minutesSince: (at: number) =>
      sql
        .exec<{ at: number; data: string }>("SELECT * FROM minutes WHERE at >= ? ORDER BY at", at)
        .toArray(),
    setMinute: (at: number, data: string) =>
      sql.exec("INSERT OR REPLACE INTO minutes VALUES (?, ?)", at, data),
    dropMinutesBefore: (at: number) => sql.exec("DELETE FROM minutes WHERE at < ?", at),
  };
}

export type LedgerStatements = ReturnType<typeof ledgerStatements>;
