import { vi } from "vitest";

import { makeCarriers } from "../../../src/affinity/carriers.ts";
import { commit } from "../../../src/affinity/commit.ts";
import type { Desk, Placement } from "../../../src/affinity/desk.ts";
import { makeKeyring } from "../../../src/affinity/keyring.ts";
import { learn } from "../../../src/affinity/learn.ts";
import { makeLeases } from "../../../src/affinity/leases.ts";
import { readersOf } from "../../../src/affinity/readers.ts";
import { settle } from "../../../src/affinity/settle.ts";
import { arrive } from "../../../src/shared/arrival.ts";
import { makeBalancer } from "../../../src/balancing/balancer.ts";
import { makeBursts } from "../../../src/balancing/bursts.ts";
import { chooser } from "../../../src/balancing/chooser.ts";
import type { Instead } from "../../../src/model.ts";
import type { PoolView } from "../../../src/pools/control.ts";
import { snapshot } from "../../../src/pools/usable.ts";
import { makePool } from "../fixtures.ts";
import { rowOf, viewOf } from "../pools/fixtures.ts";
import { NEW } from "./fixtures.ts";
import { memoryStore, type MemoryStore } from "./memory-store.ts";

// What is offered again to a map that failed is offered at once.
vi.spyOn(scheduler, "wait").mockImplementation(async () => undefined);

export const START = 1_790_000_000_000;
export const MINUTE = 60_000;

type Row = PoolView["origins"][number];
type Settings = Readonly<Record<string, unknown>>;

/** What a request shows, beside the client's cookies, and what the origin answers with. */
export interface Asking {
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly ip?: string;
  readonly isSkipped?: boolean;
  readonly answer?: readonly (readonly [string, string])[];
}

export interface Visited {
  readonly placement: Placement;
  /** The origin that serves; or what happened instead. */
  readonly origin: string;
  readonly outcome: string;
  readonly moved: string | null;
  readonly setCookies: readonly string[];
  readonly instead: readonly Instead[];
}

/** What several isolates share: the clock and the session map. */
export interface World {
  now: number;
  store: MemoryStore | null;
}

/** One isolate with one pool, from the request to the Set-Cookie lines, without a network. */
export async function makeScene(
  settings: Settings = {},
  world: World = { now: START, store: null },
) {
  const pool = makePool(settings);
  const keyring = await makeKeyring([NEW]);
  const carriers = await makeCarriers(pool, keyring);
  const readers = readersOf(pool, carriers);
  const store = (world.store ??= memoryStore(pool.sessions, () => world.now));
  const desk: Desk = { pool, keyring, store, leases: makeLeases(pool.sessions.leaseMs) };
  const parts = { balancer: makeBalancer(pool.balance, () => 0), bursts: makeBursts() };
  const recalled: ReadonlyMap<string, number> = new Map();
  let view = viewOf({ recalled });

  /** One request by a client whose cookies are kept in this jar. */
  async function visit(jar: Map<string, string>, asking: Asking = {}): Promise<Visited> {
    const { url = "https://shop.example.com/", ip = null, isSkipped = false } = asking;
    const cookie = [...jar].map((pair) => pair.join("=")).join("; ");
    const request = new Request(url, {
      headers: { ...asking.headers, ...(cookie === "" ? {} : { cookie }) },
    });
    const arrival = arrive(request, world.now);
    const work: Promise<unknown>[] = [];
    const background = (one: Promise<unknown>) => void work.push(one.catch(() => null));
    const sightings = await Promise.all(readers.map((read) => read(arrival, ip)));
    const seen = snapshot(pool, view, new Map(), world.now);
    const placement = await settle(desk, {
      sightings,
      snapshot: seen,
      now: world.now,
      mayMake: () => !isSkipped,
      background,
      choose: chooser(parts, seen, arrival, () => null),
    });
    if (placement.kind !== "placed") {
      const { kind } = placement;
      return { placement, origin: kind, outcome: kind, moved: null, setCookies: [], instead: [] };
    }
    const headers = new Headers();
    for (const [name, value] of asking.answer ?? []) headers.append(name, value);
    const taught = { arrival, sightings, mayMake: () => !isSkipped, background };
    const learned = await learn(desk, carriers, taught, placement, headers);
    const issued = await commit(desk, carriers, placement, arrival, background);
    while (work.length > 0) await Promise.all(work.splice(0));
    const setCookies = [...issued, ...learned.setCookies];
    for (const line of [...headers.getSetCookie(), ...setCookies]) keep(jar, line);
    for (const one of learned.instead) if (one.kind === "cookie") keep(jar, one.line);
    const { standing, outcome, moved } = placement;
    return {
      placement,
      origin: standing.origin.name,
      outcome,
      moved: moved && `${moved.from}: ${moved.reason}`,
      setCookies,
      instead: learned.instead,
    };
  }

  return {
    pool,
    desk,
    store,
    world,
    pass(ms: number): void {
      world.now += ms;
    },
    /** What the isolate's view says of origins; of all others, nothing. */
    see(rows: Readonly<Record<string, Partial<Row>>>, of: Partial<PoolView> = {}): void {
      const origins = Object.entries(rows).map(([name, row]) => rowOf(name, row));
      view = viewOf({ origins, recalled, ...of });
    },
    visit,
    client: () => {
      const jar = new Map<string, string>();
      return { jar, get: (asking?: Asking) => visit(jar, asking) };
    },
    rows: () =>
      [...store.rows.values()].map(({ by, origin, generation }) => ({ by, origin, generation })),
  };
}

export type Scene = Awaited<ReturnType<typeof makeScene>>;

/** As a browser does: a line with Max-Age=0 takes the cookie back. */
function keep(jar: Map<string, string>, line: string): void {
  const [pair = ""] = line.split(";");
  const name = pair.slice(0, pair.indexOf("="));
  if (/;\s*max-age=0/i.test(line)) jar.delete(name);
  else jar.set(name, pair.slice(name.length + 1));
}
