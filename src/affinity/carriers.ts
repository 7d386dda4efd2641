import QuickLRU from "quick-lru";

import type { Arrival } from "../shared/arrival.ts";
import { cookieBase, cookieName } from "../shared/cookie-name.ts";
import type { Pool, Rule } from "../model.ts";
import { cookiesNamed, withoutPairs, type CookiePair } from "./cookie-header.ts";
import { envelope, unwrap, unwrapCookies, type Envelope } from "./embed.ts";
import { keySource } from "./key-source.ts";
import { tagOrigins, type Keyring } from "./keyring.ts";
import { setCookie } from "./set-cookie.ts";
import type { Reader } from "./sighting.ts";
import { tokenCodec, type Token } from "./token.ts";

/** Verified tokens an isolate remembers per rule; about 3 MB when full. */
const REMEMBERED = 10_000;

type Scheme = Arrival["scheme"];

/** Reads and writes the pins that clients carry for one rule. */
export interface Carrier {
  readonly read: Reader;
  /** The Set-Cookie line that gives the client this pin; `lifetime` adds attributes to it. */
  issue(token: Omit<Token, "current">, scheme: Scheme, lifetime?: string): Promise<string>;
  /** The Set-Cookie line that takes the pin back. */
  revoke(scheme: Scheme): string;
  /** The cookie's name for either scheme. */
  readonly names: readonly string[];
}

export interface Carriers {
  readonly of: ReadonlyMap<Rule, Carrier>;
  readonly envelopes: ReadonlyMap<Rule, Envelope>;
}

export async function makeCarriers(pool: Pool, keyring: Keyring): Promise<Carriers> {
  const tags = await Promise.all(keyring.all.map((keys) => tagOrigins(keys, pool)));
  const of = new Map<Rule, Carrier>();
  const envelopes = new Map<Rule, Envelope>();
  for (const rule of pool.rules) {
    if (rule.pin === "cookie") {
      const codec = tokenCodec(keyring, tags, `${pool.name}\0${rule.id}`);
      of.set(rule, cookieCarrier(rule, pool, codec));
    } else if (rule.pin === "embed") {
      envelopes.set(rule, envelope(rule, pool, keyring, tags, keySource(rule)));
    }
  }
  return { of, envelopes };
}

function cookieCarrier(rule: Rule, pool: Pool, codec: ReturnType<typeof tokenCodec>): Carrier {
  const base = cookieBase(rule);
  const secureName = cookieName(rule.cookie, base, pool.name, "https:");
  const plainName = cookieName(rule.cookie, base, pool.name, "http:");
  const nameFor = (scheme: Scheme) => (scheme === "https:" ? secureName : plainName);
  const maxAge =
    rule.cookie.lifetime === "permanent" ? Math.floor(pool.sessions.ttlMs / 1000) : null;
  const verified = new QuickLRU<string, Token>({ maxSize: REMEMBERED });

  async function verify(text: string): Promise<Token | null> {
    const token = await codec.read(text);
    if (token !== null) verified.set(text, token);
    return token;
  }

  /** Of several copies the newest genuine one counts. */
  async function newest(pairs: readonly CookiePair[]) {
    let best: Token | null = null;
    for (const { value } of pairs) {
      const token: Token | null = verified.get(value) ?? (await verify(value));
      if (token !== null && (best === null || token.renewed > best.renewed)) best = token;
    }
    return best === null
      ? { kind: "invalid" as const, rule }
      : { kind: "carried" as const, rule, token: best };
  }

  const absent = { kind: "absent", rule } as const;
  return {
    names: [...new Set([secureName, plainName])],
    read({ cookies, scheme }) {
      if (cookies === null) return absent;
      // A companion without the cookie it accompanies says nothing.
      if (rule.by === "app-cookie" && cookiesNamed(cookies, rule.name).length === 0) return absent;
      const pairs = cookiesNamed(cookies, nameFor(scheme));
      const only = pairs[0];
      if (only === undefined) return absent;
      const known = pairs.length === 1 ? verified.get(only.value) : undefined;
      return known === undefined
        ? newest(pairs.slice(0, COPIES_MOST))
        : { kind: "carried", rule, token: known };
    },
    async issue(token, scheme, lifetime = "") {
      const value = await codec.write(token);
      verified.set(value, { ...token, current: true });
      return setCookie(nameFor(scheme), value, rule.cookie, scheme, maxAge) + lifetime;
    },
    revoke: (scheme) => setCookie(nameFor(scheme), "", rule.cookie, scheme, 0),
  };
}

/** Copies of one cookie that are looked at; a browser sends a few, an attacker a thousand. */
const COPIES_MOST = 16;

/**
 * What of a request's cookies and headers is for the origin alone to see differently: our cookies are
 * cut out, envelopes are opened.
 */
export interface Unwrapping {
  /** Cookies of ours, of any pool: none of them is any origin's business. */
  readonly ours: readonly string[];
  readonly cookies: readonly string[];
  readonly headers: readonly string[];
}

export function unwrapping(rules: readonly Rule[], ours: readonly string[]): Unwrapping {
  const embedded = rules.filter(({ pin }) => pin === "embed");
  const named = (by: Rule["by"]) =>
    embedded.filter((rule) => rule.by === by).map(({ name }) => name);
  return { ours, cookies: named("app-cookie"), headers: named("header") };
}

/** The Cookie header for the origin; null when nothing is left. */
export function cookiesForOrigin(
  cookies: string | null,
  { ours, cookies: embedded }: Unwrapping,
): string | null {
  if (cookies === null) return null;
  const pairs: CookiePair[] = [];
  for (const name of ours) for (const pair of cookiesNamed(cookies, name)) pairs.push(pair);
  const rest = pairs.length === 0 ? cookies : withoutPairs(cookies, pairs);
  return rest === null || embedded.length === 0 ? rest : unwrapCookies(rest, embedded);
}

/** Opens the envelopes in headers, in place. */
export function unwrapHeaders(headers: Headers, { headers: embedded }: Unwrapping): void {
  for (const name of embedded) {
    const value = unwrap(headers.get(name) ?? "")?.value;
    if (value !== undefined) headers.set(name, value);
  }
}
