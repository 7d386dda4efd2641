import { probe } from "../health/probe.ts";
import { inJurisdiction } from "../shared/jurisdiction.ts";
import type { HealthSettings } from "../model.ts";
import type { Plan, PlannedOrigin } from "../pools/control.ts";
import { PoolControl } from "../pools/pool-state.ts";
import type { Transfer } from "../pools/rebalance.ts";
import { countShards, moveIdleSessions } from "../sessions/durable-store.ts";

export { SessionMap } from "../sessions/session-map.ts";

/** The control object, with what it needs from other folders. */
export class PoolState extends PoolControl {
  protected override countSessions(plan: Plan): Promise<ReadonlyMap<string, number>> {
    return countShards(this.#sessionMap(plan), plan.pool, plan.shards);
  }

  protected override async moveIdle(plan: Plan, transfers: readonly Transfer[]): Promise<number> {
    const { pool, shards, rebalance } = plan;
    const namespace = this.#sessionMap(plan);
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

  #sessionMap({ jurisdiction }: Plan): DurableObjectNamespace {
    const namespace = this.#binding("SESSION_MAP") as DurableObjectNamespace;
    // A plan that an earlier version has stored says nothing of it.
    return inJurisdiction(namespace, jurisdiction ?? null);
  }

  #binding(name: string): unknown {
    return (this.env as unknown as Readonly<Record<string, unknown>>)[name];
  }
}
