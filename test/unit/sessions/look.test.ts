import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, it, vi } from "vitest";

import type { Background } from "../../../src/model.ts";
import type { Answer, Proposal, SessionStore } from "../../../src/shared/session-store.ts";
import { durableStore } from "../../../src/sessions/durable-store.ts";
import { kvStore } from "../../../src/sessions/kv-store.ts";
import { makePool } from "../fixtures.ts";
import { proposing, START } from "./fixtures.ts";

/** `look` beside `assign`: the same answer, and nothing has happened. */

const KV = (env as unknown as { readonly SESSIONS_KV: KVNamespace }).SESSIONS_KV;
const ID = "a-session-of-the-map-0";
const OLD = "its-id-under-the-old-0";
const pending: Promise<unknown>[] = [];
const background: Background = (work) => void pending.push(work.catch(() => null));
let poolsMade = 0;

function newStore(kind: "durable" | "kv"): SessionStore {
  poolsMade += 1;
  const pool = makePool({ name: `look-${poolsMade}`, sessions: { store: kind } });
  return kind === "kv"
    ? kvStore(pool, KV)
    : durableStore(pool, env.SESSION_MAP as unknown as DurableObjectNamespace);
}

const told = (answer: Answer) =>
  answer.kind === "pinned" ? [answer.origin, answer.generation, answer.fresh] : [answer.kind];

const situations: Readonly<Record<string, (store: SessionStore) => Promise<unknown>>> = {
  "nobody knows": async () => null,
  "is pinned": (store) => store.assign([ID], "query", proposing("app-1"), background),
  "is pinned under an older id": (store) =>
    store.assign([OLD], "query", proposing("app-1"), background),
  "was released": async (store) => {
    await store.assign([ID], "query", proposing("app-1"), background);
    await store.release(ID);
  },
  "was released under an older id": async (store) => {
    await store.assign([OLD], "query", proposing("app-1"), background);
    await store.release(OLD);
  },
};

const proposals: readonly (Proposal | null)[] = [
  null,
  proposing("app-2"),
  proposing("app-3", { carried: true, generation: 2 }),
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

describe.for(["durable", "kv"] as const)("looking at a map in %s", (kind) => {
  it.for(Object.keys(situations))(
    "tells what an assignment would: a session that %s",
    async (name, { expect }) => {
      for (const proposal of proposals) {
        const [looked, assigned] = [newStore(kind), newStore(kind)];
        for (const store of [looked, assigned]) await situations[name]?.(store);
        await Promise.all(pending.splice(0));
        vi.setSystemTime(Date.now() + 5_000);
        const before = await Promise.all([ID, OLD].map((id) => looked.find(id)));
        const seen = await looked.look([ID, OLD], proposal);
        expect(told(seen)).toEqual(
          told(await assigned.assign([ID, OLD], "query", proposal, background)),
        );
        expect(await Promise.all([ID, OLD].map((id) => looked.find(id)))).toEqual(before);
        await Promise.all(pending.splice(0));
      }
    },
  );
});
