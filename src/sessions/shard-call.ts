import { CALL_CAP_MS, within } from "./deadline.ts";
import type { Shard } from "./protocol.ts";

const ATTEMPTS = 3;

export function shardOfPool(namespace: DurableObjectNamespace, pool: string, shard: number): Shard {
  return namespace.getByName(`${pool}/${shard}`) as unknown as Shard;
}

/** Tries again only what the platform calls retryable, and never an overloaded object. */
export async function callShard<T>(attempt: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + CALL_CAP_MS;
  for (let tries = 1; ; tries += 1) {
    try {
      return await within(deadline - Date.now(), attempt());
    } catch (error) {
      const { retryable, overloaded } = error as { retryable?: boolean; overloaded?: boolean };
      if (
        retryable !== true ||
        overloaded === true ||
        tries >= ATTEMPTS ||
        Date.now() >= deadline
      ) {
        throw error;
      }
    }
  }
}
