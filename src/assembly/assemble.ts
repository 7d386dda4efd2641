import { makeCarriers, unwrapping, type Carriers, type Unwrapping } from "../affinity/carriers.ts";
import type { Desk } from "../affinity/desk.ts";
import { makeKeyring } from "../affinity/keyring.ts";
import { clientIpReader } from "../affinity/keys/ip.ts";
import { learnsFromAnswers } from "../affinity/learn.ts";
import { makeLeases } from "../affinity/leases.ts";
import { readersOf } from "../affinity/readers.ts";
import type { Reader } from "../affinity/sighting.ts";
import type { Arrival } from "../shared/arrival.ts";
import { makeBalancer, type Balancer } from "../balancing/balancer.ts";
import { makeBursts, type Bursts } from "../balancing/bursts.ts";
import { healthWatch, type HealthWatch } from "./health-watch.ts";
import { countedKv, countedNamespace } from "../metrics/counted.ts";
import { makeMeter, makeRefusals, type Meter, type Refusals } from "../metrics/meter.ts";
import type { Config, Pool } from "../model.ts";
import { hostMatcher, pathMatcher, type Matcher } from "../pools/match.ts";
import type { Control, Plan } from "../pools/control.ts";
import { planOf, viewer, type Viewer } from "../pools/view.ts";
import { makeSlowWatch, type SlowWatch } from "../proxy/slow-watch.ts";
import type { SessionStore } from "../shared/session-store.ts";
import { durableStore } from "../sessions/durable-store.ts";
import { kvStore } from "../sessions/kv-store.ts";
import { warn } from "../shared/warn.ts";

/** The bindings a router needs; who mounts it passes them. */
export interface Namespaces {
  readonly sessionMap: DurableObjectNamespace;
  readonly poolState: DurableObjectNamespace;
  /** Only for pools with `store = "kv"`. */
  readonly sessionsKv: KVNamespace | null;
}

/** A pool with everything its requests need, made once per isolate. */
export interface PoolParts {
  readonly pool: Pool;
  readonly match: Matcher;
  readonly isSkipped: (path: string) => boolean;
  readonly clientIp: (arrival: Arrival) => string | null;
  readonly readers: readonly Reader[];
  readonly carriers: Carriers;
  readonly desk: Desk;
  readonly viewer: Viewer;
  readonly balancer: Balancer;
  readonly bursts: Bursts;
  readonly health: HealthWatch;
  readonly slow: SlowWatch;
  readonly control: () => Control;
  readonly plan: Plan;
  /** What this isolate counts of the pool's requests. */
  readonly meter: Meter;
  /** Sends what has been counted now. Never throws. */
  readonly report: () => Promise<void>;
  /** Whether origins issue IDs that have to be learned from their answers. */
  readonly learns: boolean;
  readonly unwrapping: Unwrapping;
}

export interface Router {
  readonly config: Config;
  readonly pools: readonly PoolParts[];
  readonly refusals: Refusals;
}

export async function assemble(config: Config, namespaces: Namespaces): Promise<Router> {
  const keyring = await makeKeyring(config.secrets);
  const keyIds = keyring.all.map(({ id }) => id);
  const all = await Promise.all(
    config.pools.map(async (pool) => ({
      pool,
      carriers: await makeCarriers(pool, keyring),
      plan: await planOf(pool, keyIds, config.jurisdiction),
    })),
  );
  const ours = all.flatMap(({ carriers }) => [...carriers.of.values()].flatMap((one) => one.names));
  const isolate = crypto.randomUUID();
  const refusals = makeRefusals();
  const slow = makeSlowWatch();
  const pools = all.map(({ pool, carriers, plan }): PoolParts => {
    const control = () => namespaces.poolState.getByName(pool.name) as unknown as Control;
    const watch = healthWatch(pool, control, () => view);
    const meter = makeMeter(isolate, refusals);
    const view: Viewer = viewer(pool, plan, control, watch.local, meter);
    return {
      pool,
      match: hostMatcher(pool),
      isSkipped: pathMatcher(pool.skip),
      clientIp: clientIpReader(pool.clientIp),
      readers: readersOf(pool, carriers),
      carriers,
      desk: {
        pool,
        keyring,
        store: storeOf(pool, namespaces, meter),
        leases: makeLeases(pool.sessions.leaseMs),
      },
      viewer: view,
      balancer: makeBalancer(pool.balance, Math.random),
      bursts: makeBursts(),
      health: watch,
      slow,
      control,
      plan,
      meter,
      report: () => report(meter, control, pool),
      learns: learnsFromAnswers(pool.rules),
      unwrapping: unwrapping(pool.rules, [...new Set(ours)]),
    };
  });
  return { config, pools, refusals };
}

async function report(meter: Meter, control: () => Control, { name }: Pool): Promise<void> {
  const counts = meter.take();
  if (counts === null) return;
  try {
    await control().count(counts);
  } catch (error) {
    meter.giveBack(counts);
    warn("counters not reported", { pool: name }, error);
  }
}

function storeOf(pool: Pool, { sessionMap, sessionsKv }: Namespaces, meter: Meter): SessionStore {
  if (pool.sessions.store === "durable") {
    return durableStore(pool, countedNamespace(sessionMap, meter));
  }
  if (sessionsKv === null) throw new Error(`pool ${pool.name} needs the binding SESSIONS_KV`);
  return kvStore(pool, countedKv(sessionsKv, meter));
}
