import type { PoolParts } from "../assembly/assemble.ts";
import { expose } from "../metrics/exposition.ts";
import { familiesOf, type PoolFacts } from "../metrics/families.ts";

/** What Prometheus is told of all pools. What this isolate has counted is reported first. */
export async function readMetrics(pools: readonly PoolParts[]): Promise<string> {
  await Promise.all(pools.map(({ desk }) => desk.store.flush()));
  await Promise.all(pools.map(({ report }) => report()));
  return expose(familiesOf(await Promise.all(pools.map(factsOf))));
}

async function factsOf({ pool, control, viewer }: PoolParts): Promise<PoolFacts> {
  const { standings } = await viewer.refresh();
  const { since, totals, sessions, isolates, degradedSince } = await control().metrics();
  const origins = [...standings.values()].map(({ origin, health, state, weight }) => ({
    name: origin.name,
    health,
    state,
    weight,
  }));
  const isDegraded = degradedSince !== null;
  return { pool: pool.name, since, totals, sessions, isolates, isDegraded, origins };
}
