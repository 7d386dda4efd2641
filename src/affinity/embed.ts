import QuickLRU from "quick-lru";

import type { Arrival } from "../shared/arrival.ts";
import type { Pool, Rule } from "../model.ts";
import { cookiesNamed, withValues } from "./cookie-header.ts";
import type { Keyring, OriginTags } from "./keyring.ts";
import type { KeySource, Sighting } from "./sighting.ts";
import { TOKEN_CHARS, tokenCodec, type Token } from "./token.ts";

/**
 * `pin = "embed"`: the application's own value travels to the client as `<token>~<value>` and comes
 * back to the origin as it was. The token is bound to the value, so neither can be exchanged.
 */
export interface Envelope {
  read(arrival: Arrival, clientIp: string | null): Promise<Sighting>;
  wrap(value: string, token: Omit<Token, "current">): Promise<string>;
}

const MARK = "~";
const REMEMBERED = 5_000;
const REMEMBERED_LENGTH = 512;
const COPIES_MOST = 16;

export function envelope(
  rule: Rule,
  pool: Pool,
  keyring: Keyring,
  tags: readonly OriginTags[],
  source: KeySource,
): Envelope {
  const codecFor = (value: string) =>
    tokenCodec(keyring, tags, `${pool.name}\0${rule.id}\0${value}`);
  const verified = new QuickLRU<string, Token>({ maxSize: REMEMBERED });
  return {
    /** Of several copies the newest genuine one counts. */
    async read(arrival, clientIp) {
      let newest: Token | null = null;
      let isInvalid = false;
      for (const given of copiesOf(rule, source, arrival, clientIp)) {
        const parts = unwrap(given);
        if (parts === null) continue;
        const token = verified.get(given) ?? (await codecFor(parts.value).read(parts.token));
        if (token === null) isInvalid = true;
        else if (given.length <= REMEMBERED_LENGTH) verified.set(given, token);
        if (token !== null && (newest === null || token.renewed > newest.renewed)) newest = token;
      }
      if (newest !== null) return { kind: "carried", rule, token: newest };
      return { kind: isInvalid ? "invalid" : "absent", rule };
    },
    wrap: async (value, token) => `${await codecFor(value).write(token)}${MARK}${value}`,
  };
}

/** The values that may be envelopes; a browser may send several cookies of one name. */
function copiesOf(
  rule: Rule,
  source: KeySource,
  arrival: Arrival,
  clientIp: string | null,
): readonly string[] {
  if (rule.by === "app-cookie") {
    const copies = cookiesNamed(arrival.cookies ?? "", rule.name);
    return copies.slice(0, COPIES_MOST).map(({ value }) => value);
  }
  const given = source(arrival, clientIp);
  return given === null ? [] : [given];
}

/** Splits what looks like an envelope, genuine or not; null for a plain value. */
export function unwrap(given: string): { token: string; value: string } | null {
  if (given[TOKEN_CHARS] !== MARK || !/^[\w-]+$/.test(given.slice(0, TOKEN_CHARS))) return null;
  return { token: given.slice(0, TOKEN_CHARS), value: given.slice(TOKEN_CHARS + 1) };
}

/** The Cookie header with every envelope of these cookies opened. */
export function unwrapCookies(header: string, names: readonly string[]): string {
  let opened = header;
  for (const name of names) {
    const pairs = cookiesNamed(opened, name);
    opened = withValues(opened, pairs, ({ value }) => unwrap(value)?.value ?? null);
  }
  return opened;
}
