import { probe } from "./health/probe.ts";
import type { HealthSettings } from "./model.ts";
import type { Plan, PlannedOrigin } from "./pools/control.ts";
import { PoolControl } from "./pools/pool-state.ts";
import type { Transfer } from "./pools/rebalance.ts";
import { countShards, moveIdleSessions } from "./sessions/durable-store.ts";

export { SessionMap } from "./sessions/session-map.ts";

/** The control object, with what it needs from other folders. */
export class PoolState extends PoolControl {
  protected override countSessions({ pool, shards }: Plan): Promise<ReadonlyMap<string, number>> {
    return countShards(this.#binding("SESSION_MAP") as DurableObjectNamespace, pool, shards);
  }

  protected override async moveIdle(
    { pool, shards, rebalance }: Plan,
    transfers: readonly Transfer[],
  ): Promise<number> {
    const namespace = this.#binding("SESSION_MAP") as DurableObjectNamespace;
    const seenBefore = Date.now() - (rebalance?.idleMs ?? Infinity);
    let moved = 0;
    for (const { from, to: origin, generation, sessions: most } of transfers) {
      const to = { origin, generation };
      moved += await moveIdleSessions(namespace, pool, shards, { from, to, seenBefore, most });
    }
    return moved;
  }

  protected override probe(
    { url, binding }: PlannedOrigin,
    health: HealthSettings,
  ): Promise<boolean> {
    const fetcher = binding === null ? null : (this.#binding(binding) as Fetcher | undefined);
    return probe(url, fetcher ?? null, health);
  }

  #binding(name: string): unknown {
    return (this.env as unknown as Readonly<Record<string, unknown>>)[name];
  }
}
