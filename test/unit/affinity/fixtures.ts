import {
  makeKeyring,
  tagOrigins,
  type Keyring,
  type OriginTags,
} from "../../../src/affinity/keyring.ts";
import {
  newSessionId,
  tokenCodec,
  type Token,
  type TokenCodec,
} from "../../../src/affinity/token.ts";
import type { Pool } from "../../../src/model.ts";
import { makePool } from "../fixtures.ts";

export const OLD = "the-old-secret-0123456789-0123456789";
export const NEW = "the-new-secret-0123456789-0123456789";

export interface Mint {
  readonly pool: Pool;
  readonly keyring: Keyring;
  readonly codec: TokenCodec;
}

/** What reads and writes tokens under these secrets, for a pool and a rule of it. */
export async function mint(
  secrets: readonly string[],
  pool: Pool = makePool(),
  rule = "cookie",
): Promise<Mint> {
  const keyring = await makeKeyring(secrets);
  const tags: OriginTags[] = [];
  for (const keys of keyring.all) tags.push(await tagOrigins(keys, pool));
  return { pool, keyring, codec: tokenCodec(keyring, tags, `${pool.name}\0${rule}`) };
}

export function saying(
  pool: Pool,
  of: Partial<Omit<Token, "current">> = {},
): Omit<Token, "current"> {
  return {
    sessionId: newSessionId(),
    origin: pool.origins[0]!,
    generation: 1,
    created: 1_790_000_000_000,
    renewed: 1_790_000_060_000,
    ...of,
  };
}
