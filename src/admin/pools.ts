import type { PoolParts } from "../assemble.ts";
import type { OriginChange } from "../pools/control.ts";

/** Pools and their origins as operators see and change them. */

export interface OriginView {
  readonly name: string;
  readonly state: string;
  readonly health: "up" | "down";
  readonly weight: number;
  readonly tier: number;
  readonly sessions: number;
  readonly generation: number;
  /** While draining; null otherwise. `deadline` null: until the last session ends. */
  readonly drain: { since: string; deadline: string | null; sessions: number } | null;
}

export interface PoolView {
  readonly name: string;
  readonly origins: readonly OriginView[];
}

export async function viewPool({ pool, desk, viewer }: PoolParts): Promise<PoolView> {
  await desk.store.flush();
  const [snapshot, counts] = await Promise.all([viewer.refresh(), desk.store.counts()]);
  const rows = new Map(viewer.view().origins.map((row) => [row.name, row]));
  const origins = [...snapshot.standings.values()].map((standing): OriginView => {
    const { origin, state, health, weight, generation } = standing;
    const { name, tier } = origin;
    const sessions = counts.get(name) ?? 0;
    const row = rows.get(name);
    const since = row?.drain_since ?? null;
    const deadline = row?.drain_deadline ?? null;
    const drain =
      state === "draining" && since !== null
        ? { since: iso(since), deadline: deadline === null ? null : iso(deadline), sessions }
        : null;
    return { name, state, health, weight, tier, sessions, generation, drain };
  });
  return { name: pool.name, origins };
}

export async function changeOrigin(
  { control, plan, viewer }: PoolParts,
  origin: string,
  change: OriginChange,
): Promise<void> {
  await control().change(origin, change, plan);
  await viewer.refresh();
}

/** Voids every pin of one origin, or of all of the pool; how many sessions that were. */
export async function releaseAll(
  { pool, desk, control, viewer }: PoolParts,
  origin: string | null,
): Promise<number> {
  await desk.store.flush();
  const names = pool.origins
    .map(({ name }) => name)
    .filter((name) => origin === null || name === origin);
  const generations = await control().raise(names, "operator");
  await viewer.refresh();
  let released = 0;
  for (const [index, name] of names.entries()) {
    released += await desk.store.releaseOlder({
      origin: name,
      generation: generations[index] ?? 0,
    });
  }
  return released;
}

/** Events of all pools, newest first; the cursor is the time before which the next page begins. */
export async function listEvents(
  pools: readonly PoolParts[],
  { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
) {
  const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(cursor);
  const all = await Promise.all(
    pools.map(async ({ pool, control }) =>
      (await control().events(before, limit)).map((event) => ({ pool: pool.name, ...event })),
    ),
  );
  const page = all
    .flat()
    .sort((left, right) => right.at - left.at)
    .slice(0, limit);
  const events = page.map(({ at, pool, kind, origin, cause }) => ({
    time: iso(at),
    pool,
    kind,
    origin,
    cause,
  }));
  const last = page.at(-1);
  return { events, cursor: page.length < limit || last === undefined ? null : String(last.at) };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
