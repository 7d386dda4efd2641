/** Which shard holds an id. Pure. */

const CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/**
 * Jump consistent hash (Lamping and Veach, arXiv:1406.2294) over an id of base64url characters,
 * which are uniform: going from n to m shards moves only (m - n) / m of the ids.
 */
export function shardOf(id: string, shards: number): number {
  let state = 0;
  for (let at = 0; at < 6; at += 1) state = Math.imul(state, 64) + CHARS.indexOf(id[at] ?? "A");
  let shard = -1;
  let next = 0;
  while (next < shards) {
    shard = next;
    // mulberry32: a small generator with 32 bits of state and a full period.
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    const uniform = ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    next = Math.floor((shard + 1) / (uniform + Number.EPSILON));
  }
  return shard;
}

/** Every place where a row of one of these ids may be, the one where it belongs first. */
export function placesOf(
  ids: readonly string[],
  shards: number,
  before: readonly number[],
): { id: string; shard: number }[] {
  const places: { id: string; shard: number }[] = [];
  for (const id of ids) {
    for (const count of [shards, ...before]) {
      const shard = shardOf(id, count);
      if (!places.some((place) => place.id === id && place.shard === shard)) {
        places.push({ id, shard });
      }
    }
  }
  return places;
}
