import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { afterEach, beforeAll, beforeEach, describe, it, vi, type ExpectStatic } from "vitest";

import type { Background } from "../../../src/model.ts";
import type { SessionStore } from "../../../src/shared/session-store.ts";
import { durableStore } from "../../../src/sessions/durable-store.ts";
import { makePool } from "../fixtures.ts";
import { ALL, proposing, START } from "./fixtures.ts";

/**
 * The Worker's side of the map against a reference, while the operator raises the number of shards and
 * rotates the secret: to whoever asks there is one session per key, wherever its row lies.
 */

const IDLE_MS = 10_000;
const KEYS = [0, 1, 2, 3] as const;
const ORIGINS = ["app-1", "app-2", "app-3"] as const;
const background: Background = (work) => void work.catch(() => null);

/** What an operator deploys, one after the other. */
const PHASES = [
  { shards: 2, before: [], isRotated: false },
  { shards: 5, before: [2], isRotated: false },
  { shards: 5, before: [2], isRotated: true },
  { shards: 8, before: [5, 2], isRotated: true },
  { shards: 3, before: [8, 5, 2], isRotated: true },
] as const;

const idUnder = (secret: "new" | "old", key: number) =>
  `${"QxR7-pZ_"[key * 2 + (secret === "new" ? 1 : 0)]}${secret}K${key}`.padEnd(22, "w");

interface Row {
  /** null: released. */
  origin: string | null;
  generation: number;
  created: number;
  seen: number;
}

interface Model {
  readonly rows: Map<number, Row>;
  phase: number;
}

class Real {
  readonly expect: ExpectStatic;
  readonly #pool: string;
  store: SessionStore;

  constructor(expect: ExpectStatic, pool: string) {
    this.expect = expect;
    this.#pool = pool;
    this.store = this.deploy(0);
  }

  /** A new Worker, which remembers nothing. */
  deploy(phase: number): SessionStore {
    const { shards, before } = PHASES[phase]!;
    const sessions = { idle: `${IDLE_MS / 1000}s`, ttl: "1h", shards, shards_before: [...before] };
    const pool = makePool({ name: this.#pool, sessions });
    this.store = durableStore(pool, env.SESSION_MAP as unknown as DurableObjectNamespace);
    return this.store;
  }
}

type Command = fc.AsyncCommand<Model, Real>;

function command(text: string, run: (model: Model, real: Real) => Promise<void>): Command {
  return {
    check: () => true,
    async run(model, real) {
      // So long that every renewal is written.
      vi.setSystemTime(Date.now() + 1_000);
      await run(model, real);
      await compare(model, real);
    },
    toString: () => text,
  };
}

function live({ rows }: Model, key: number): Row | undefined {
  const row = rows.get(key);
  return row !== undefined && Date.now() < row.seen + IDLE_MS ? row : undefined;
}

function idsOf({ phase }: Model, key: number): string[] {
  const old = idUnder("old", key);
  return PHASES[phase]!.isRotated ? [idUnder("new", key), old] : [old];
}

/** The list and the counts hold each live session once, where it is. */
async function compare(model: Model, { store, expect }: Real): Promise<void> {
  const { sessions, next } = await store.list("", ALL, 100);
  expect(next).toBeNull();
  const found = sessions.map(({ id, origin, generation, created }) => [
    KEYS.find((key) => id === idUnder("old", key) || id === idUnder("new", key)),
    { origin, generation, created },
  ]);
  const wanted = KEYS.flatMap((key) => {
    const row = live(model, key);
    if (!row?.origin) return [];
    const { origin, generation, created } = row;
    return [[key, { origin, generation, created }]];
  });
  expect(found.toSorted()).toEqual(wanted.toSorted());
  const counts = [...(await store.counts()).values()].reduce((sum, count) => sum + count, 0);
  expect(counts).toBe(wanted.length);
}

function assign(key: number, origin: string | null, carried: boolean): Command {
  return command(`assign ${key} ${origin} ${carried}`, async (model, { store, expect }) => {
    const now = Date.now();
    const proposal = origin === null ? null : proposing(origin, { carried });
    const answer = await store.assign(idsOf(model, key), "query", proposal, background);
    const row = live(model, key);
    if (row?.origin) {
      row.seen = now;
      const { origin: where, generation, created } = row;
      expect(answer).toMatchObject({ kind: "pinned", origin: where, generation, created });
    } else if (row !== undefined && (origin === null || carried)) {
      expect(answer).toEqual({ kind: "released" });
    } else if (origin === null) {
      expect(answer).toEqual({ kind: "unknown" });
    } else {
      expect(answer).toMatchObject({ kind: "pinned", fresh: true, origin });
      model.rows.set(key, { origin, generation: 1, created: now, seen: now });
    }
  });
}

function move(key: number, from: string | null, to: string): Command {
  return command(`move ${key} ${from} ${to}`, async (model, { store, expect }) => {
    const now = Date.now();
    const answer = await store.move(idsOf(model, key), {
      by: "query",
      from: from === null ? null : { origin: from, generation: 1 },
      to: { origin: to, generation: 1 },
      created: now,
    });
    const row = live(model, key);
    if (row?.origin === null && from !== null) {
      expect(answer).toEqual({ kind: "released" });
    } else if (row !== undefined && from !== null && row.origin !== from) {
      expect(answer).toMatchObject({ kind: "pinned", origin: row.origin, created: row.created });
      // Brought home, if it was not there: that renews it as well.
      const { sessions } = await store.list("", ALL, 100);
      const listed = sessions.find(({ id }) => idsOf(model, key).includes(id));
      row.seen = listed?.seen ?? row.seen;
    } else {
      expect(answer).toMatchObject({ kind: "pinned", origin: to });
      const created = answer.kind === "pinned" ? answer.created : now;
      if (row?.origin) expect(created).toBe(row.created);
      model.rows.set(key, { origin: to, generation: 1, created, seen: now });
    }
  });
}

function release(key: number): Command {
  return command(`release ${key}`, async (model, { store, expect }) => {
    const now = Date.now();
    const { sessions } = await store.list("", ALL, 100);
    const listed = sessions.find(({ id }) => idsOf(model, key).includes(id));
    const row = live(model, key);
    expect(listed?.origin).toBe(row?.origin ?? undefined);
    if (listed === undefined || row === undefined) return;
    expect(await store.find(listed.id)).toMatchObject({ origin: row.origin });
    expect(await store.release(listed.id)).toMatchObject({ origin: row.origin });
    model.rows.set(key, { ...row, origin: null, created: now, seen: now });
  });
}

function forget(key: number): Command {
  return command(`forget ${key}`, async (model, { store }) => {
    await store.forget(idsOf(model, key));
    model.rows.delete(key);
  });
}

function releaseAll(origin: string): Command {
  return command(`release all of ${origin}`, async (model, { store }) => {
    await store.releaseOlder({ origin, generation: 2 });
    for (const [key, row] of model.rows) if (row.origin === origin) model.rows.delete(key);
  });
}

const deploy: Command = command("deploy", async (model, real) => {
  model.phase = Math.min(model.phase + 1, PHASES.length - 1);
  real.deploy(model.phase);
});

const pass = command("pass 4 s", async () => {
  vi.setSystemTime(Date.now() + 4_000);
});

const key = fc.constantFrom(...KEYS);
const origin = fc.constantFrom(...ORIGINS);
const anyCommand = [
  fc.tuple(key, fc.option(origin), fc.boolean()).map((given) => assign(...given)),
  fc.tuple(key, origin, fc.boolean()).map((given) => assign(...given)),
  fc.tuple(key, fc.option(origin), origin).map((given) => move(...given)),
  key.map(release),
  key.map(forget),
  origin.map(releaseAll),
  fc.constant(deploy),
  fc.constant(pass),
];

// The store waits a second at most; starting the first object of all is not what is tested here.
beforeAll(async () => {
  await env.SESSION_MAP.getByName("warm-up/0").counts();
});
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("the session map from a Worker's side", () => {
  it(
    "has one session per key, through raised shards and rotated secrets",
    { timeout: 60_000 },
    async ({ expect }) => {
      let pools = 0;
      await fc.assert(
        fc.asyncProperty(fc.commands(anyCommand, { maxCommands: 30 }), async (commands) => {
          vi.setSystemTime(START);
          pools += 1;
          const setup = () => ({
            model: { rows: new Map(), phase: 0 },
            real: new Real(expect, `model-${pools}`),
          });
          await fc.asyncModelRun(setup, commands);
        }),
        { numRuns: 25 },
      );
    },
  );
});
