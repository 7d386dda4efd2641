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
    const isOver = row?.drained === 1 || (deadline !== null && deadline <= Date.now());
    const drain =
      state === "draining" && since !== null && !isOver
        ? { since: iso(since), deadline: deadline === null ? null : iso(deadline), sessions }
        : null;
    return { name, state, health, weight, tier, sessions, generation, drain };
  });
  return { name: pool.name, origins };
}

/** Whether the change was made; a deadline makes no sense for an origin that does not drain. */
export async function changeOrigin(
  { control, plan, viewer }: PoolParts,
  origin: string,
  change: OriginChange,
): Promise<boolean> {
  const isMade = await control().change(origin, change, plan);
  await viewer.refresh();
  return isMade;
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

/**
 * Events of all pools, newest first. The cursor is `<time>.<n>`: n events of that time have been shown.
 */
export async function listEvents(
  pools: readonly PoolParts[],
  { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
) {
  const [upTo, shown] = (cursor ?? `${Number.MAX_SAFE_INTEGER}.0`).split(".").map(Number);
  const start = upTo ?? 0;
  const skip = shown ?? 0;
  const all = await Promise.all(
    pools.map(async ({ pool, control }) =>
      (await control().events(start, limit + skip)).map((event) => ({ pool: pool.name, ...event })),
    ),
  );
  const sorted = all.flat().sort((left, right) => right.at - left.at);
  const first = sorted.filter(({ at }) => at === start).length;
  const page = sorted.slice(Math.min(skip, first), Math.min(skip, first) + limit);
  const events = page.map(({ at, pool, kind, origin, cause }) => ({
    time: iso(at),
    pool,
    kind,
    origin,
    cause,
  }));
  const last = page.at(-1);
  if (page.length < limit || last === undefined) return { events, cursor: null };
  const same = page.filter(({ at }) => at === last.at).length;
  return { events, cursor: `${last.at}.${last.at === start ? skip + same : same}` };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
