import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, it, vi, type ExpectStatic } from "vitest";

import { ALL, idOf, newShard, proposing, START, type Stub } from "./fixtures.ts";
import type { Limits } from "../../../src/sessions/protocol.ts";

/** The session map as a simple reference: a Map, a clock, and its rules. */

const LIMITS: Limits = { idleMs: 10_000, ttlMs: 25_000, cap: 1_000 };
/** Shorter, longer and fuller than usual: an operator's change, as the next call brings it along. */
const OTHER_LIMITS: readonly Limits[] = [
  LIMITS,
  { idleMs: 4_000, ttlMs: 25_000, cap: 1_000 },
  { idleMs: 20_000, ttlMs: 12_000, cap: 1_000 },
  { idleMs: 10_000, ttlMs: 25_000, cap: 3 },
  { idleMs: 10_000, ttlMs: 25_000, cap: 1 },
];
const ORIGINS = ["app-1", "app-2", "app-3"] as const;

interface Row {
  /** null: released. */
  origin: string | null;
  generation: number;
  created: number;
  seen: number;
}

class Model {
  /** What is stored, ended or not. */
  readonly rows = new Map<string, Row>();
  limits = LIMITS;

  isOver({ seen, created }: Row): boolean {
    const now = Date.now();
    return now >= seen + this.limits.idleMs || now >= created + this.limits.ttlMs;
  }

  live(id: string): Row | undefined {
    const row = this.rows.get(id);
    return row === undefined || this.isOver(row) ? undefined : row;
  }

  sessions(): { id: string; origin: string; generation: number; created: number; seen: number }[] {
    return [...this.rows.keys()].sort().flatMap((id) => {
      const row = this.live(id);
      return row?.origin ? [{ id, ...row, origin: row.origin }] : [];
    });
  }

  /** The least recently seen first. */
  bySeen(): [string, Row][] {
    return [...this.rows].sort(([, row], [, { seen }]) => row.seen - seen);
  }

  evict(): void {
    const surplus = Math.max(0, this.rows.size - this.limits.cap);
    for (const [id] of this.bySeen().slice(0, surplus)) this.rows.delete(id);
  }

  /** A row seen this recently is not written again. */
  get touchStepMs(): number {
    return Math.min(1_000, this.limits.idleMs / 10);
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
      // No two things happen at once: who goes first then is not promised.
      vi.setSystemTime(Date.now() + 1);
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

function assign(
  id: string,
  origin: string | null,
  carried: boolean,
  ageMs: number,
  generation: number,
): Command {
  const text = `assign ${id} ${origin} ${carried} ${ageMs} ${generation}`;
  return command(text, async (model, { stub, expect }) => {
    const now = Date.now();
    const created = carried ? now - ageMs : null;
    const proposal = origin === null ? null : proposing(origin, { carried, created, generation });
    const [answer] = await stub.assign([{ id, by: "query", proposal }], model.limits);
    const row = model.live(id);
    if (row?.origin) {
      if (now - row.seen >= model.touchStepMs) row.seen = now;
      expect(answer).toEqual(pinned(row, false));
    } else if (row !== undefined && (proposal === null || proposal.carried)) {
      expect(answer).toEqual({ kind: "released" });
    } else if (origin === null) {
      expect(answer).toEqual({ kind: "unknown" });
    } else {
      const fresh = { origin, generation, created: created ?? now, seen: now };
      model.rows.set(id, fresh);
      expect(answer).toEqual(pinned(fresh, true));
    }
    model.evict();
  });
}

/** `from` null: an operator's move, or an ID that an origin has issued. */
function move(id: string, from: string | null, to: string, generation: number): Command {
  return command(`move ${id} ${from} ${to} ${generation}`, async (model, { stub, expect }) => {
    const now = Date.now();
    const answer = await stub.move(
      id,
      {
        by: "query",
        from: from === null ? null : { origin: from, generation: 1 },
        to: { origin: to, generation },
        created: now,
      },
      model.limits,
    );
    const row = model.live(id);
    const isElsewhere = row !== undefined && (row.origin !== from || row.generation !== 1);
    if (row?.origin === null && from !== null) {
      expect(answer).toEqual({ kind: "released" });
    } else if (row !== undefined && isElsewhere && from !== null) {
      expect(answer).toEqual(pinned(row, false));
    } else {
      const moved = { origin: to, generation, created: row?.created ?? now, seen: now };
      model.rows.set(id, moved);
      expect(answer).toEqual(pinned(moved, true));
      model.evict();
    }
  });
}

function releaseOlder(origin: string, generation: number): Command {
  return command(`release ${origin} before ${generation}`, async (model, { stub, expect }) => {
    const older = [...model.rows].filter(
      ([, row]) => row.origin === origin && row.generation < generation,
    );
    for (const [id] of older) model.rows.delete(id);
    expect(await stub.releaseOlder({ origin, generation }, 1_000)).toBe(older.length);
  });
}

function moveIdle(from: string, to: string, idleMs: number, most: number): Command {
  return command(`move ${most} of ${from} to ${to}`, async (model, { stub, expect }) => {
    const seenBefore = Date.now() - idleMs;
    const idle = model
      .bySeen()
      .filter(([id, row]) => model.live(id) && row.origin === from && row.seen <= seenBefore)
      .slice(0, most);
    const place = { origin: to, generation: 2 };
    expect(await stub.moveIdle(from, place, seenBefore, most)).toBe(idle.length);
    for (const [, row] of idle) Object.assign(row, place);
  });
}

function change(limits: Limits): Command {
  return command(`limits ${JSON.stringify(limits)}`, async (model, { stub }) => {
    await stub.assign([], limits);
    model.limits = limits;
    model.evict();
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

const sweep = command("alarm", async (model, { stub }) => {
  const rang = await runDurableObjectAlarm(stub);
  if (!rang) return;
  for (const [id, row] of model.rows) if (model.isOver(row)) model.rows.delete(id);
});

const evict = command("evict from memory", async (_, { stub }) => {
  await evictDurableObject(stub);
});

const id = fc.integer({ min: 1, max: 5 }).map(idOf);
const origin = fc.constantFrom(...ORIGINS);
const generation = fc.integer({ min: 1, max: 3 });
const anyCommand = [
  fc
    .tuple(id, fc.option(origin), fc.boolean(), fc.integer({ min: 0, max: 24_000 }), generation)
    .map((given) => assign(...given)),
  fc.tuple(id, fc.option(origin), origin, generation).map((given) => move(...given)),
  id.map(release),
  id.map(forget),
  fc.tuple(origin, generation).map((given) => releaseOlder(...given)),
  fc
    .tuple(origin, origin, fc.constantFrom(0, 3_000), fc.integer({ min: 0, max: 3 }))
    .map((given) => moveIdle(...given)),
  fc.constantFrom(...OTHER_LIMITS).map(change),
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
