import type { Pool, Session } from "../../../src/model.ts";
import type { Answer, Proposal, SessionStore } from "../../../src/shared/session-store.ts";

interface Row {
  readonly by: Session["by"];
  /** null: released. */
  readonly origin: string | null;
  readonly generation: number;
  readonly created: number;
  seen: number;
}

export interface MemoryStore extends SessionStore {
  readonly rows: Map<string, Row>;
  /** The methods that were called, in order. */
  readonly calls: string[];
  /** Every call fails from now on, or works again. */
  fails(isDown: boolean): void;
}

/** The session map in memory and under the test's clock. */
export function memoryStore(
  { idleMs, ttlMs }: Pick<Pool["sessions"], "idleMs" | "ttlMs">,
  clock: () => number,
): MemoryStore {
  const rows = new Map<string, Row>();
  const calls: string[] = [];
  let isDown = false;

  function called(method: string): void {
    calls.push(method);
    if (isDown) throw new Error("the map is down");
  }

  function live(id: string): Row | undefined {
    const row = rows.get(id);
    const now = clock();
    return row && now < row.seen + idleMs && now < row.created + ttlMs ? row : undefined;
  }

  function answer(row: Row, fresh: boolean): Answer {
    const { origin, generation, created, seen } = row;
    return { kind: "pinned", fresh, origin: origin ?? "", generation, created, seen };
  }

  function ask(id: string, by: Session["by"], proposal: Proposal | null): Answer {
    const row = live(id);
    if (row !== undefined && row.origin !== null) {
      row.seen = clock();
      return answer(row, false);
    }
    if (row !== undefined && (proposal === null || proposal.carried)) return { kind: "released" };
    if (proposal === null) return { kind: "unknown" };
    const { origin, generation, created } = proposal;
    const fresh = { by, origin, generation, created: created ?? clock(), seen: clock() };
    rows.set(id, fresh);
    return answer(fresh, true);
  }

  function session(id: string): Session | null {
    const row = live(id);
    if (row === undefined || row.origin === null) return null;
    return { ...row, origin: row.origin, id, expires: row.seen + idleMs };
  }

  return {
    rows,
    calls,
    fails(down) {
      isDown = down;
    },
    async assign([id = ""], by, proposal) {
      called("assign");
      return ask(id, by, proposal);
    },
    async look([id = ""], proposal) {
      called("look");
      const row = live(id);
      if (row !== undefined && row.origin !== null) return answer(row, false);
      if (row !== undefined && (proposal === null || proposal.carried)) return { kind: "released" };
      if (proposal === null) return { kind: "unknown" };
      const { origin, generation, created } = proposal;
      const seen = clock();
      return { kind: "pinned", fresh: true, origin, generation, created: created ?? seen, seen };
    },
    later([id = ""], by, proposal, { background }, then) {
      calls.push("later");
      const asked = Promise.resolve().then(() => {
        if (!isDown) then(ask(id, by, proposal));
      });
      background(asked);
    },
    async move([id = ""], { by, from, to, created }) {
      called("move");
      const row = live(id);
      if (row !== undefined && from !== null) {
        if (row.origin === null) return { kind: "released" };
        const isThere = row.origin === from.origin && row.generation === from.generation;
        if (!isThere) return answer(row, false);
      }
      const moved = { by, ...to, created: row?.created ?? created, seen: clock() };
      rows.set(id, moved);
      return answer(moved, true);
    },
    async release(id) {
      called("release");
      const found = session(id);
      const row = live(id);
      if (row) rows.set(id, { ...row, origin: null, created: clock(), seen: clock() });
      return found;
    },
    async forget(ids) {
      called("forget");
      for (const id of ids) rows.delete(id);
    },
    releaseOlder: async () => 0,
    find: async (id) => session(id),
    list: async () => ({
      sessions: [...rows.keys()].flatMap((id) => session(id) ?? []),
      next: null,
    }),
    counts: async () => new Map(),
    flush: async () => {},
  };
}
