import { isCountable } from "../shared/countable.ts";
import type { Pool, Problem } from "../model.ts";
import { showDuration } from "./duration.ts";

/** What one table alone can't tell. */
export function acrossTables(pool: Pool, path: string): Problem[] {
  const { sessions, rules, rebalance } = pool;
  const problems: Problem[] = [];
  // An envelope is not re-issued when its session moves: only the map knows where to.
  const mapped = rules.find(({ pin }) => pin === "map" || pin === "embed");
  if (sessions.record === "never" && mapped !== undefined) {
    problems.push({
      path: `${path}.sessions.record`,
      value: '"never"',
      expected: `"first" or "return", because ${mapped.id} needs the map`,
    });
  }
  if (sessions.record === "never" && sessions.leaseMs === 0) {
    problems.push({
      path: `${path}.sessions.lease`,
      value: '"0s"',
      expected: 'at least "1s" with record = "never", and so an idle time of at least "2s"',
    });
  }
  if (!isCountable(sessions)) {
    const counting = countingSetting(pool);
    if (counting !== null) {
      problems.push({
        path: `${path}.${counting.path}`,
        value: counting.value,
        expected: `to be absent with record = "never" or store = "kv": sessions can't be counted there`,
      });
    }
  }
  if (rebalance !== null && rebalance.idleMs < sessions.leaseMs) {
    problems.push({
      path: `${path}.rebalance.idle`,
      value: showDuration(rebalance.idleMs),
      expected: `at least the lease (${showDuration(sessions.leaseMs)}): a leased pin can't be moved`,
    });
  }
  return problems;
}

/** A setting that works by the number of live sessions; null if there is none. */
function countingSetting({ balance, origins, rebalance, drainMs }: Pool) {
  if (balance === "least-sessions") return { path: "balance", value: '"least-sessions"' };
  const capped = origins.findIndex(({ maxSessions }) => maxSessions !== Infinity);
  if (capped !== -1) {
    const value = String(origins[capped]?.maxSessions);
    return { path: `origins[${capped}].max_sessions`, value };
  }
  if (rebalance !== null) return { path: "rebalance", value: "a table" };
  return drainMs === null ? { path: "drain.deadline", value: '"none"' } : null;
}
