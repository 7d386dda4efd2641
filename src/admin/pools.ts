import type { PoolParts } from "../assembly/assemble.ts";
import type { OriginChange } from "../pools/control.ts";
import { operatorTag } from "../pools/origin-row.ts";
import type { OriginView, PoolView } from "./schemas.ts";

/** Pools and their origins as operators see and change them. */

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
    const etag = `"${operatorTag(row)}"`;
    return { name, state, health, weight, tier, sessions, generation, etag, drain };
  });
  return { name: pool.name, origins };
}

/** Whether the pool has an origin of this name; null stands for all of them. */
export function hasOrigin({ pool }: PoolParts, origin: string | null): boolean {
  return origin === null || pool.origins.some(({ name }) => name === origin);
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

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
