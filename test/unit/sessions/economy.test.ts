import { afterEach, beforeEach, describe, it, vi } from "vitest";

import { durableStore } from "../../../src/sessions/durable-store.ts";
import type { Ask } from "../../../src/sessions/protocol.ts";
import type { Answer } from "../../../src/shared/session-store.ts";
import type { MemoryStore } from "../affinity/memory-store.ts";
import { makeScene, START, type World } from "../affinity/scene.ts";

/** Calls to the session map, counted with the real store, in seconds of a clock that tests wind. */

const REQUEST_EVERY_S = 3;
const REQUESTS_PER_SESSION = 100;

interface Timer {
  readonly due: number;
  readonly ring: () => unknown;
}

let timers: Timer[] = [];

beforeEach(() => {
  timers = [];
  vi.useFakeTimers({ toFake: ["Date"], now: START });
  // A window that nobody waits for: what follows it runs when the clock gets there.
  const wait = (ms: number): unknown => {
    const waited = (ring: () => unknown) => {
      timers.push({ due: Date.now() + ms, ring });
      return Promise.resolve();
    };
    // oxlint-disable-next-line unicorn/no-thenable -- stands in for a promise that the test settles
    return Object.fromEntries([["then", waited]]);
  };
  vi.spyOn(scheduler, "wait").mockImplementation(wait as typeof scheduler.wait);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

async function isolate() {
  const calls = { record: 0, assign: 0, renewed: 0 };
  const answer = ({ proposal }: Ask): Answer => {
    calls.renewed += 1;
    return {
      kind: "pinned",
      fresh: false,
      origin: proposal?.origin ?? "",
      generation: proposal?.generation ?? 1,
      created: proposal?.created ?? Date.now(),
      seen: Date.now(),
    };
  };
  const shard = {
    async record() {
      calls.record += 1;
    },
    async assign(asks: readonly Ask[]) {
      calls.assign += 1;
      return asks.map(answer);
    },
  };
  const namespace = { getByName: () => shard } as unknown as DurableObjectNamespace;
  const { pool } = await makeScene();
  const store = durableStore(pool, namespace);
  const world: World = { now: START, store: store as MemoryStore };
  const scene = await makeScene({}, world);
  return {
    calls,
    client: scene.client,
    async windTo(now: number) {
      const due = timers.filter((timer) => timer.due <= now).sort((a, b) => a.due - b.due);
      timers = timers.filter((timer) => timer.due > now);
      for (const timer of due) {
        vi.setSystemTime(timer.due);
        await timer.ring();
      }
      vi.setSystemTime(now);
      world.now = now;
    },
  };
}

describe("storage calls", () => {
  it(
    "are at most 20 for 1,000 requests of an isolate with 600 sessions, new ones included",
    { timeout: 120_000 },
    async ({ expect }) => {
      const { calls, client, windTo } = await isolate();
      const sessions = 600;
      const perSecond = sessions / REQUEST_EVERY_S;
      const clients = Array.from({ length: sessions }, client);
      const warmUp = 60 * perSecond;
      let before = 0;
      const requests = 60 * perSecond;
      for (let at = 0; at < warmUp + requests; at += 1) {
        if (at === warmUp) before = calls.record + calls.assign;
        await windTo(START + Math.round((at * 1_000) / perSecond));
        // A session in a hundred requests ends, and another client takes its place.
        if (at % REQUESTS_PER_SESSION === 0) clients[(at / 100) % sessions] = client();
        await clients[at % sessions]?.get();
      }
      const perThousand = ((calls.record + calls.assign - before) / requests) * 1_000;
      expect(calls.renewed).toBeGreaterThan(sessions);
      expect(perThousand).toBeGreaterThan(1);
      expect(perThousand).toBeLessThanOrEqual(20);
    },
  );

  it("are at most 110 for 1,000 requests of a session without company", async ({ expect }) => {
    const { calls, client, windTo } = await isolate();
    const alone = client();
    for (let at = 0; at < REQUESTS_PER_SESSION; at += 1) {
      await windTo(START + at * REQUEST_EVERY_S * 1_000);
      await alone.get();
    }
    await windTo(START + REQUESTS_PER_SESSION * REQUEST_EVERY_S * 1_000 + 20_000);
    expect(calls.record).toBe(1);
    expect(calls.assign).toBeGreaterThanOrEqual(5);
    expect((calls.record + calls.assign) * 10).toBeLessThanOrEqual(110);
  });
});
