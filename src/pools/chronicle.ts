import { minuteOf } from "./minute.ts";
import type { Statements } from "./statements.ts";

/** Things that may be told many times a minute at most are remembered. */
const SUMS_MOST = 1_000;

/** Writes down what happened to a pool; what happens often, once a minute with its number. */
export interface Chronicle {
  note(at: number, kind: string, origin: string | null, cause: string): void;
  /** Adds to the number of this minute's event of that kind, origin and cause. */
  sum(at: number, kind: string, origin: string | null, cause: string, n: number): void;
}

export function chronicle(sql: Statements): Chronicle {
  /** Of this minute; an object that has just woken up begins new ones. */
  const sums = new Map<string, { id: number; n: number }>();
  let minute = 0;
  return {
    note: (at, kind, origin, cause) => void sql.note(at, kind, origin, cause),
    sum(at, kind, origin, cause, n) {
      if (minuteOf(at) !== minute || sums.size >= SUMS_MOST) sums.clear();
      minute = minuteOf(at);
      const key = `${kind}\n${origin ?? ""}\n${cause}`;
      const known = sums.get(key);
      const total = n + (known?.n ?? 0);
      const text = `${cause}: ${total}`;
      const id = known?.id ?? sql.note(at, kind, origin, text);
      if (known !== undefined) sql.retell(id, text);
      sums.set(key, { id, n: total });
    },
  };
}
