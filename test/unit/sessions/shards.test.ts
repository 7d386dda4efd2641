import * as fc from "fast-check";
import { describe, it } from "vitest";

import { placesOf, shardOf } from "../../../src/sessions/shards.ts";
import { tally } from "../fixtures.ts";

const CODE = { alphabet: "base64url", omitPadding: true } as const;

/** Hashes of numbers: uniform, and the same in every run. */
async function sampleIds(count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let at = 0; at < count; at += 1) {
    const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`id ${at}`));
    ids.push(new Uint8Array(hash).subarray(0, 16).toBase64(CODE));
  }
  return ids;
}

const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => bytes.toBase64(CODE));
const shards = fc.integer({ min: 1, max: 1024 });

describe("the shard of an id", () => {
  it("is one of the shards, and always the same", ({ expect }) => {
    fc.assert(
      fc.property(id, shards, (one, count) => {
        const shard = shardOf(one, count);
        expect(Number.isInteger(shard)).toBe(true);
        expect(shard).toBeGreaterThanOrEqual(0);
        expect(shard).toBeLessThan(count);
        expect(shardOf(one, count)).toBe(shard);
      }),
      { numRuns: 1_000 },
    );
  });

  it("stays or becomes a new shard when shards are added", ({ expect }) => {
    fc.assert(
      fc.property(id, shards, shards, (one, a, b) => {
        const [fewer, more] = [Math.min(a, b), Math.max(a, b)];
        const [before, after] = [shardOf(one, fewer), shardOf(one, more)];
        expect(after === before || after >= fewer, `${before} to ${after}`).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it("is shared evenly, and moves no more ids than it must", async ({ expect }) => {
    const ids = await sampleIds(20_000);
    for (const [from, to] of [
      [1, 2],
      [4, 5],
      [8, 16],
      [16, 24],
    ] as const) {
      const counts = Object.values(tally(ids.map((one) => String(shardOf(one, to)))));
      expect(counts).toHaveLength(to);
      // Noise of a perfect hash at 20,000 ids over 24 shards stays below 13 %.
      expect(Math.max(...counts) / (ids.length / to)).toBeLessThan(1.15);
      expect(Math.min(...counts) / (ids.length / to)).toBeGreaterThan(0.85);
      const moved = ids.filter((one) => shardOf(one, from) !== shardOf(one, to)).length;
      expect(Math.abs(moved / ids.length - (to - from) / to)).toBeLessThan(0.02);
    }
  });

  it("exists for whatever an operator types as an id", ({ expect }) => {
    fc.assert(
      fc.property(fc.string(), shards, (any, count) => {
        expect(shardOf(any, count)).toBeGreaterThanOrEqual(0);
        expect(shardOf(any, count)).toBeLessThan(count);
      }),
    );
  });
});

describe("the places of a session", () => {
  const [now, old] = ["AbCdEfGhIjKlMnOpQrStUv", "ZyXwVuTsRqPoNmLkJiHgFe"] as const;

  it("begin with the current secret and layout, then hold every older one once", ({ expect }) => {
    fc.assert(
      fc.property(
        fc.uniqueArray(id, { minLength: 1, maxLength: 3 }),
        shards,
        fc.array(shards),
        (ids, count, before) => {
          const places = placesOf(ids, count, before);
          expect(places[0]).toEqual({ id: ids[0], shard: shardOf(ids[0]!, count) });
          const keys = places.map((place) => `${place.id} ${place.shard}`);
          expect(new Set(keys).size).toBe(keys.length);
          const wanted = ids.flatMap((one) =>
            [count, ...before].map((shardCount) => `${one} ${shardOf(one, shardCount)}`),
          );
          expect(new Set(keys)).toEqual(new Set(wanted));
        },
      ),
    );
  });

  it("are one when nothing has changed", ({ expect }) => {
    expect(placesOf([now], 16, [])).toHaveLength(1);
    expect(placesOf([now, old], 16, [])).toHaveLength(2);
  });
});
