import type { PoolParts } from "../assembly/assemble.ts";

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
    time: new Date(at).toISOString(),
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
