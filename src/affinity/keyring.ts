import type { Origin, Pool, Rule } from "../model.ts";
import { BASE64URL } from "../shared/base64url.ts";

/**
 * Keys derived from AFFINITY_SECRET. The first secret signs; every one verifies and finds rows, so
 * a rotation ("new,old") loses no pin. Derived per purpose, so that no use of one secret helps
 * against another.
 */
export interface Keyring {
  readonly signing: SecretKeys;
  /** Signing key first, older ones after it. */
  readonly all: readonly SecretKeys[];
}

export interface SecretKeys {
  /** One byte that tells a token's key; derived from the secret, so the order of secrets is free. */
  readonly id: number;
  readonly token: CryptoKey;
  readonly map: CryptoKey;
  readonly tag: CryptoKey;
}

/** Opaque names of a pool's origins: 8 bytes each, different for every secret and pool. */
export interface OriginTags {
  readonly tagOf: ReadonlyMap<string, Uint8Array>;
  /** Keyed by the tag as a big-endian 64-bit number. */
  readonly originOf: ReadonlyMap<bigint, Origin>;
}

const HMAC = { name: "HMAC", hash: "SHA-256" } as const;
const utf8 = new TextEncoder();
const bytesOf = (text: string) => new Uint8Array(utf8.encode(text));

export async function makeKeyring(secrets: readonly string[]): Promise<Keyring> {
  const all = await Promise.all(secrets.map(deriveKeys));
  const signing = all[0];
  if (signing === undefined) throw new Error("a keyring needs at least one secret");
  return { signing, all };
}

async function deriveKeys(secret: string): Promise<SecretKeys> {
  const root = await importKey(bytesOf(secret));
  const derive = async (purpose: string) => importKey(await mac(root, `limpet ${purpose} v1`));
  const [token, map, tag, id] = await Promise.all([
    derive("token"),
    derive("session map"),
    derive("origin tag"),
    mac(root, "limpet key id v1"),
  ]);
  return { id: id[0] ?? 0, token, map, tag };
}

function importKey(bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", bytes, HMAC, false, ["sign", "verify"]);
}

async function mac(key: CryptoKey, text: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, utf8.encode(text)));
}

export async function tagOrigins(keys: SecretKeys, pool: Pool): Promise<OriginTags> {
  const tagOf = new Map<string, Uint8Array>();
  const originOf = new Map<bigint, Origin>();
  await Promise.all(
    pool.origins.map(async (origin) => {
      const tag = (await mac(keys.tag, `${pool.name}\0${origin.name}`)).subarray(0, 8);
      tagOf.set(origin.name, tag);
      originOf.set(tagNumber(tag, 0), origin);
    }),
  );
  return { tagOf, originOf };
}

export function tagNumber(bytes: Uint8Array, offset: number): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(offset);
}

/**
 * The name a session key has in the map, under every secret, the current one first: 128 bits of
 * HMAC, base64url. The pool and the rule are part of it, so equal keys of different rules differ.
 */
export async function sessionIds(
  keyring: Keyring,
  pool: string,
  rule: Rule,
  key: string,
): Promise<readonly string[]> {
  return Promise.all(
    keyring.all.map(async ({ map }) =>
      (await mac(map, `${pool}\0${rule.id}\0${key}`)).subarray(0, 16).toBase64(BASE64URL),
    ),
  );
}
