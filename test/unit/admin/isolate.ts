import { vi } from "vitest";

import { makeCarriers, unwrapping } from "../../../src/affinity/carriers.ts";
import { commit } from "../../../src/affinity/commit.ts";
import { identify } from "../../../src/affinity/identify.ts";
import { makeKeyring } from "../../../src/affinity/keyring.ts";
import { clientIpReader } from "../../../src/affinity/keys/ip.ts";
import { learn, learnsFromAnswers } from "../../../src/affinity/learn.ts";
import { makeLeases } from "../../../src/affinity/leases.ts";
import { readersOf } from "../../../src/affinity/readers.ts";
import { explain } from "../../../src/admin/explain/explain.ts";
import { arrive } from "../../../src/shared/arrival.ts";
import type { PoolParts } from "../../../src/assembly/assemble.ts";
import { makeBalancer } from "../../../src/balancing/balancer.ts";
import { makeBursts } from "../../../src/balancing/bursts.ts";
import type { PoolView } from "../../../src/pools/control.ts";
import { hostMatcher, pathMatcher } from "../../../src/pools/match.ts";
import { snapshot } from "../../../src/pools/usable.ts";
import { planOf } from "../../../src/pools/view.ts";
import { outcomeOf } from "../../../src/route/status.ts";
import { place, tripOf } from "../../../src/route/trip.ts";
import { NEW, OLD } from "../affinity/fixtures.ts";
import { memoryStore } from "../affinity/memory-store.ts";
import { START } from "../affinity/scene.ts";
import { makePool } from "../fixtures.ts";
import { rowOf, viewOf } from "../pools/fixtures.ts";

type Row = PoolView["origins"][number];

export interface Asking {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly ip: string;
  /** The Set-Cookie line or session header that the origin answers with. */
  readonly answer: readonly (readonly [string, string])[];
}

/** Where session ids come from: a lost session goes where its id hashes to. */
let random: () => number = Math.random;
vi.spyOn(crypto, "getRandomValues").mockImplementation((array) => {
  const bytes = array as unknown as Uint8Array;
  for (const at of bytes.keys()) bytes[at] = random() * 256;
  return array;
});

/** One isolate with one pool: everything of a request but the network, and a clock that is told. */
export async function makeIsolate(settings: Readonly<Record<string, unknown>>, seed: number) {
  const pool = makePool(settings);
  const keyring = await makeKeyring([NEW, OLD]);
  const carriers = await makeCarriers(pool, keyring);
  const plan = await planOf(pool);
  const clock = { now: START };
  const ids = dice(seed + 1);
  const store = memoryStore(pool.sessions, () => clock.now);
  const ejections = new Map<string, number>();
  let rows: readonly Row[] = pool.origins.map(({ name }) => rowOf(name));
  let more: Partial<PoolView> = {};
  const view = () => viewOf({ origins: rows, ...more });
  const current = () => snapshot(pool, view(), ejections, clock.now);
  // What placing a request asks for; nobody counts here.
  const parts = {
    pool,
    match: hostMatcher(pool),
    isSkipped: pathMatcher(pool.skip),
    clientIp: clientIpReader(pool.clientIp),
    readers: readersOf(pool, carriers),
    carriers,
    desk: { pool, keyring, store, leases: makeLeases(pool.sessions.leaseMs) },
    viewer: { current, refresh: async () => current(), view },
    balancer: makeBalancer(pool.balance, dice(seed)),
    bursts: makeBursts(),
    health: { observe() {}, local: { ejections, changes: 0 } },
    control: () => {
      throw new Error("nobody asks the control object here");
    },
    plan,
    learns: learnsFromAnswers(pool.rules),
    unwrapping: unwrapping(pool.rules, []),
  } as Partial<PoolParts> as PoolParts;
  const work: Promise<unknown>[] = [];
  const background = (one: Promise<unknown>) => void work.push(one.catch(() => null));

  /** Everything that nobody waits for has been done. */
  async function settled(): Promise<void> {
    while (work.length > 0) await Promise.all(work.splice(0));
  }

  function requestOf(asking: Asking, jar: ReadonlyMap<string, string>): Request {
    const cookie = [...jar].map((pair) => pair.join("=")).join("; ");
    return new Request(asking.url, {
      method: asking.method,
      headers: { ...asking.headers, ...(cookie === "" ? {} : { cookie }) },
    });
  }

  return {
    pool,
    clock,
    store,
    ejections,
    parts,
    see(changes: Readonly<Record<string, Partial<Row>>>, of: Partial<PoolView> = {}): void {
      rows = rows.map((row) => Object.assign({}, row, changes[row.name]));
      more = { ...more, ...of };
    },

    async explained(asking: Asking, jar: ReadonlyMap<string, string>) {
      random = Math.random;
      const request = requestOf(asking, jar);
      const told = await explain([parts], { request, ip: asking.ip }, clock.now, background);
      if (!("value" in told)) throw new Error(told.code);
      return told.value;
    },

    /** As `route` does it, with an origin that answers at once. */
    async visit(asking: Asking, jar: Map<string, string>) {
      random = ids;
      const request = requestOf(asking, jar);
      const headers = new Headers(request.headers);
      headers.set("cf-connecting-ip", asking.ip);
      const arrival = arrive(new Request(request, { headers }), clock.now);
      const clientIp = parts.clientIp(arrival);
      const sightings = await identify(parts.readers, arrival, clientIp);
      const trip = tripOf(parts, arrival, clientIp, 0, sightings, background);
      const placement = await place(trip, current());
      const outcome = outcomeOf(placement);
      if (placement.kind !== "placed") {
        await settled();
        return { chosen: null, outcome };
      }
      const answer = new Headers(asking.answer.map(([name, value]) => [name, value]));
      const learned = await learn(parts.desk, carriers, trip, placement, answer);
      const issued = await commit(parts.desk, carriers, placement, arrival, background);
      await settled();
      const changed = learned.instead.flatMap((one) => (one.kind === "cookie" ? [one.line] : []));
      for (const line of [...answer.getSetCookie(), ...issued, ...learned.setCookies, ...changed]) {
        const [pair = ""] = line.split(";");
        const name = pair.slice(0, pair.indexOf("="));
        if (/;\s*max-age=0/i.test(line)) jar.delete(name);
        else jar.set(name, pair.slice(name.length + 1));
      }
      return { chosen: placement.standing.origin.name, outcome };
    },
  };
}

export type Isolate = Awaited<ReturnType<typeof makeIsolate>>;

/** mulberry32: the same numbers for the same seed. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
