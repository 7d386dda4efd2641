import type { Origin } from "../model.ts";
import { BASE64URL } from "../shared/base64url.ts";
import { tagNumber, type Keyring, type OriginTags, type SecretKeys } from "./keyring.ts";

/**
 * The pin a client carries: 74 bytes, 99 characters of base64url.
 *
 *  0 version · 1 key id · 2 session id (16) · 18 origin tag (8) · 26 generation (u32)
 *  30 created (ms, u48) · 36 renewed (ms, u48) · 42 HMAC-SHA-256 (32) over all before and a context
 *
 * The context holds the pool and the rule: a token from one pool is void in another. Nothing in it
 * names an origin; the tag can only be resolved with the secret.
 */
export interface Token {
  readonly sessionId: string;
  readonly origin: Origin;
  readonly generation: number;
  readonly created: number;
  readonly renewed: number;
  /** Signed by the current secret; if not, the token is re-issued when it can be. */
  readonly current: boolean;
}

export interface TokenCodec {
  /** What the token says; null if it is forged, damaged, foreign, of another version or origin. */
  read(text: string): Promise<Token | null>;
  write(token: Omit<Token, "current">): Promise<string>;
}

const VERSION = 1;
const MAC_AT = 42;
const LENGTH = 74;
export const TOKEN_CHARS = 99;
const utf8 = new TextEncoder();

export function newSessionId(): string {
  return crypto.getRandomValues(new Uint8Array(16)).toBase64(BASE64URL);
}

/** `tags` holds the origins' tags under each secret of the keyring, in its order. */
export function tokenCodec(
  keyring: Keyring,
  tags: readonly OriginTags[],
  context: string,
): TokenCodec {
  const contextBytes = utf8.encode(context);
  const signed = (bytes: Uint8Array) => {
    const message = new Uint8Array(MAC_AT + contextBytes.length);
    message.set(bytes.subarray(0, MAC_AT));
    message.set(contextBytes, MAC_AT);
    return message;
  };
  const verify = (keys: SecretKeys, bytes: Uint8Array<ArrayBuffer>) =>
    crypto.subtle.verify("HMAC", keys.token, bytes.subarray(MAC_AT), signed(bytes));

  return {
    async read(text) {
      const bytes = decode(text);
      if (bytes === null || bytes[0] !== VERSION) return null;
      for (const [index, keys] of keyring.all.entries()) {
        if (keys.id !== bytes[1] || !(await verify(keys, bytes))) continue;
        const origin = tags[index]?.originOf.get(tagNumber(bytes, 18));
        if (origin === undefined) return null;
        const view = new DataView(bytes.buffer);
        return {
          sessionId: bytes.subarray(2, 18).toBase64(BASE64URL),
          origin,
          generation: view.getUint32(26),
          created: readMs(view, 30),
          renewed: readMs(view, 36),
          current: index === 0,
        };
      }
      return null;
    },

    async write({ sessionId, origin, generation, created, renewed }) {
      const bytes = new Uint8Array(LENGTH);
      const view = new DataView(bytes.buffer);
      const tag = tags[0]?.tagOf.get(origin.name);
      if (tag === undefined) throw new Error(`origin ${origin.name} is not of this pool`);
      bytes[0] = VERSION;
      bytes[1] = keyring.signing.id;
      bytes.set(Uint8Array.fromBase64(sessionId, { alphabet: "base64url" }), 2);
      bytes.set(tag, 18);
      view.setUint32(26, generation);
      writeMs(view, 30, created);
      writeMs(view, 36, renewed);
      const mac = await crypto.subtle.sign("HMAC", keyring.signing.token, signed(bytes));
      bytes.set(new Uint8Array(mac), MAC_AT);
      return bytes.toBase64(BASE64URL);
    },
  };
}

function decode(text: string): Uint8Array<ArrayBuffer> | null {
  if (text.length !== TOKEN_CHARS) return null;
  try {
    // With its padding the last character must be exact, too: one token, one text.
    return Uint8Array.fromBase64(`${text}=`, {
      alphabet: "base64url",
      lastChunkHandling: "strict",
    });
  } catch {
    return null;
  }
}

function readMs(view: DataView, at: number): number {
  return view.getUint16(at) * 2 ** 32 + view.getUint32(at + 2);
}

function writeMs(view: DataView, at: number, ms: number): void {
  view.setUint16(at, Math.floor(ms / 2 ** 32));
  view.setUint32(at + 2, ms >>> 0);
}
