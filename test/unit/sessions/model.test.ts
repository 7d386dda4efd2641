import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, it, vi, type ExpectStatic } from "vitest";

import { ALL, idOf, newShard, proposing, START, type Stub } from "./fixtures.ts";
import type { Limits } from "../../../src/sessions/protocol.ts";

/** The session map as a simple reference: a Map, a clock, and the rules of DESIGN.md §6. */

const LIMITS: Limits = { idleMs: 10_000, ttlMs: 25_000, cap: 1_000 };
/** A row seen this recently is not written again. */
const TOUCH_STEP_MS = 1_000;
const ORIGINS = ["app-1", "app-2", "app-3"] as const;

interface Row {
  /** null: released. */
  origin: string | null;
  generation: number;
  created: number;
  seen: number;
}

class Model {
  readonly rows = new Map<string, Row>();

  live(id: string): Row | undefined {
    const row = this.rows.get(id);
    const now = Date.now();
    if (row === undefined) return undefined;
    const isOver = now >= row.seen + LIMITS.idleMs || now >= row.created + LIMITS.ttlMs;
    return isOver ? undefined : row;
  }

  sessions(): { id: string; origin: string; generation: number; created: number; seen: number }[] {
    return [...this.rows.keys()].sort().flatMap((id) => {
      const row = this.live(id);
      return row?.origin ? [{ id, ...row, origin: row.origin }] : [];
    });
  }
}

interface Real {
  readonly stub: Stub;
  readonly expect: ExpectStatic;
}
type Command = fc.AsyncCommand<Model, Real>;

function command(text: string, run: (model: Model, real: Real) => Promise<void>): Command {
  return {
    check: () => true,
    async run(model, real) {
      await run(model, real);
      await compare(model, real);
    },
    toString: () => text,
  };
}

/** Whatever happened: list, counts and every single row say the same as the model. */
async function compare(model: Model, { stub, expect }: Real): Promise<void> {
  const sessions = model.sessions();
  const listed = await stub.list({ after: "", filter: ALL, most: 1_000 });
  expect(listed).toHaveLength(sessions.length);
  expect(listed).toMatchObject(sessions);
  const counts: Record<string, number> = {};
  for (const { origin } of sessions) counts[origin] = (counts[origin] ?? 0) + 1;
  expect(Object.fromEntries(await stub.counts())).toEqual(counts);
}

const pinned = (row: Row, fresh: boolean) => ({ kind: "pinned", fresh, ...row });

function assign(id: string, origin: string | null, carried: boolean, ageMs: number): Command {
  return command(`assign ${id} ${origin} ${carried} ${ageMs}`, async (model, { stub, expect }) => {
    const now = Date.now();
    const created = carried ? now - ageMs : null;
    const proposal = origin === null ? null : proposing(origin, { carried, created });
    const [answer] = await stub.assign([{ id, by: "query", proposal }], LIMITS);
    const row = model.live(id);
    if (row?.origin) {
      if (now - row.seen >= TOUCH_STEP_MS) row.seen = now;
      expect(answer).toEqual(pinned(row, false));
    } else if (row !== undefined && (proposal === null || proposal.carried)) {
      expect(answer).toEqual({ kind: "released" });
    } else if (origin === null) {
      expect(answer).toEqual({ kind: "unknown" });
    } else {
      const fresh = { origin, generation: 1, created: created ?? now, seen: now };
      model.rows.set(id, fresh);
      expect(answer).toEqual(pinned(fresh, true));
    }
  });
}

function move(id: string, from: string, to: string): Command {
  return command(`move ${id} ${from} ${to}`, async (model, { stub, expect }) => {
    const now = Date.now();
    const answer = await stub.move(
      id,
      {
        by: "query",
        from: { origin: from, generation: 1 },
        to: { origin: to, generation: 1 },
        created: now,
      },
      LIMITS,
    );
    const row = model.live(id);
    if (row?.origin === null) {
      expect(answer).toEqual({ kind: "released" });
    } else if (row !== undefined && row.origin !== from) {
      expect(answer).toEqual(pinned(row, false));
    } else {
      const moved = { origin: to, generation: 1, created: row?.created ?? now, seen: now };
      model.rows.set(id, moved);
      expect(answer).toEqual(pinned(moved, true));
    }
  });
}

function release(id: string): Command {
  return command(`release ${id}`, async (model, { stub, expect }) => {
    const now = Date.now();
    const released = await stub.release(id);
    const row = model.live(id);
    if (row?.origin) {
      expect(released).toMatchObject({ id, ...row });
      model.rows.set(id, { ...row, origin: null, created: now, seen: now });
    } else {
      expect(released).toBeNull();
    }
  });
}

function forget(id: string): Command {
  return command(`forget ${id}`, async (model, { stub }) => {
    await stub.forget(id);
    model.rows.delete(id);
  });
}

function pass(ms: number): Command {
  return command(`pass ${ms} ms`, async () => {
    vi.setSystemTime(Date.now() + ms);
  });
}

const sweep = command("alarm", async (_, { stub }) => {
  await runDurableObjectAlarm(stub);
});

const evict = command("evict from memory", async (_, { stub }) => {
  await evictDurableObject(stub);
});

const id = fc.integer({ min: 1, max: 5 }).map(idOf);
const origin = fc.constantFrom(...ORIGINS);
const anyCommand = [
  fc
    .tuple(id, fc.option(origin), fc.boolean(), fc.integer({ min: 0, max: 24_000 }))
    .map((given) => assign(...given)),
  fc.tuple(id, origin, origin).map((given) => move(...given)),
  id.map(release),
  id.map(forget),
  fc.constantFrom(1, 999, 1_000, 4_000, 9_999, 10_000).map(pass),
  fc.constant(sweep),
  fc.constant(evict),
];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a shard of the session map", () => {
  it(
    "does what a Map with a clock would do, in whatever order things happen",
    { timeout: 60_000 },
    async ({ expect }) => {
      await fc.assert(
        fc.asyncProperty(fc.commands(anyCommand, { maxCommands: 60 }), async (commands) => {
          vi.setSystemTime(START);
          const stub = newShard();
          await stub.assign([], LIMITS);
          await fc.asyncModelRun(() => ({ model: new Model(), real: { stub, expect } }), commands);
        }),
        { numRuns: 80 },
      );
    },
  );
});
