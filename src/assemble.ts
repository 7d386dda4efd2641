import { makeCarriers, type Carriers } from "./affinity/carriers.ts";
import type { Desk } from "./affinity/desk.ts";
import { makeKeyring } from "./affinity/keyring.ts";
import { clientIpReader } from "./affinity/keys/ip.ts";
import { makeLeases } from "./affinity/leases.ts";
import { readersOf } from "./affinity/readers.ts";
import type { Reader } from "./affinity/sighting.ts";
import type { Arrival } from "./arrival.ts";
import { makeBalancer, type Balancer } from "./balancing/balancer.ts";
import { makeBursts, type Bursts } from "./balancing/bursts.ts";
import type { Config, Pool } from "./model.ts";
import { hostMatcher, pathMatcher, type Matcher } from "./pools/match.ts";
import { viewer, type Control, type Viewer } from "./pools/view.ts";
import { durableStore } from "./sessions/durable-store.ts";

/** The bindings a router needs; who mounts it passes them. */
export interface Namespaces {
  readonly sessionMap: DurableObjectNamespace;
  readonly poolState: DurableObjectNamespace;
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
  readonly control: () => Control;
}

export interface Router {
  readonly config: Config;
  readonly pools: readonly PoolParts[];
  /** Cookies of ours, of any pool: none of them is any origin's business. */
  readonly cookieNames: readonly string[];
}

export async function assemble(config: Config, namespaces: Namespaces): Promise<Router> {
  const keyring = await makeKeyring(config.secrets);
  const pools = await Promise.all(
    config.pools.map(async (pool): Promise<PoolParts> => {
      const carriers = await makeCarriers(pool, keyring);
      const control = () => namespaces.poolState.getByName(pool.name) as unknown as Control;
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
          store: durableStore(pool, namespaces.sessionMap),
          leases: makeLeases(pool.sessions.leaseMs),
        },
        viewer: viewer(pool, control),
        balancer: makeBalancer(pool, Math.random()),
        bursts: makeBursts(),
        control,
      };
    }),
  );
  const names = pools.flatMap(({ carriers }) =>
    [...carriers.of.values()].flatMap((one) => one.names),
  );
  return { config, pools, cookieNames: [...new Set(names)] };
}
