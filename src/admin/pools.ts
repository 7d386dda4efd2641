import type { PoolParts } from "../assemble.ts";

/** Pools and their origins as operators see them. */

export interface OriginView {
  readonly name: string;
  readonly state: string;
  readonly health: "up" | "down";
  readonly weight: number;
  readonly tier: number;
  readonly sessions: number;
  readonly generation: number;
  readonly drain: { since: string; deadline: string | null; sessions: number } | null;
}

export interface PoolView {
  readonly name: string;
  readonly origins: readonly OriginView[];
}

export async function viewPool({ pool, desk, viewer }: PoolParts): Promise<PoolView> {
  await desk.store.flush();
  const [snapshot, counts] = await Promise.all([viewer.refresh(), desk.store.counts()]);
  const origins = [...snapshot.standings.values()].map((standing): OriginView => {
    const { origin, state, weight, generation } = standing;
    const { name, tier } = origin;
    return {
      name,
      state,
      health: "up",
      weight,
      tier,
      sessions: counts[name] ?? 0,
      generation,
      drain: null,
    };
  });
  return { name: pool.name, origins };
}
