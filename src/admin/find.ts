import { idsOf } from "../affinity/located.ts";
import { arrive, type Arrival } from "../shared/arrival.ts";
import type { PoolParts } from "../assembly/assemble.ts";
import { cookieBase, cookieName } from "../shared/cookie-name.ts";
import type { Rule } from "../model.ts";
import { toView } from "./sessions.ts";
import type { SessionView } from "./schemas.ts";

/** Looking for sessions by what an operator has at hand. */

const ID = /^[\w-]{22}$/;

/**
 * The sessions that a text stands for: a session's id, the value of any cookie, header or parameter that
 * shows one, or whole Cookie pairs. It is read by the pool's own rules; nothing of it is kept.
 */
export async function findByValue(
  pools: readonly PoolParts[],
  value: string,
): Promise<SessionView[]> {
  const text = value.trim();
  const found = await Promise.all(pools.map((parts) => findInPool(parts, text)));
  return found.flat();
}

async function findInPool(parts: PoolParts, text: string): Promise<SessionView[]> {
  const { pool, desk } = parts;
  const ids = new Set(ID.test(text) ? [text] : []);
  for (const [index, rule] of pool.rules.entries()) {
    for (const key of await keysOf(parts, rule, index, text)) {
      for (const id of await idsOf(desk, rule, key)) ids.add(id);
    }
  }
  await desk.store.flush();
  const sessions = await Promise.all([...ids].map((id) => desk.store.find(id)));
  return sessions.flatMap((session) => (session === null ? [] : [toView(pool.name, session)]));
}

/** The keys that a rule would read if a request showed the text to it. */
async function keysOf(
  { pool, readers }: PoolParts,
  rule: Rule,
  index: number,
  text: string,
): Promise<string[]> {
  // The one place that no request can be made up for.
  if (rule.by === "path" && rule.pin === "map") return [text];
  const read = readers[index];
  if (read === undefined) return [];
  const keys: string[] = [];
  for (const arrival of showing(rule, pool.name, text)) {
    const sighting = await read(arrival, text);
    if (sighting.kind === "carried") keys.push(sighting.token.sessionId);
    else if (sighting.kind === "keyed") keys.push(sighting.key);
  }
  return keys;
}

/** Requests that show the text where the rule looks. */
function showing(rule: Rule, pool: string, text: string): Arrival[] {
  const blank = arrive(new Request("https://find.invalid/"), Date.now());
  switch (rule.by) {
    case "cookie":
    case "app-cookie": {
      const ours = cookieName(rule.cookie, cookieBase(rule), pool, "https:");
      const plain = cookieName(rule.cookie, cookieBase(rule), pool, "http:");
      const theirs = rule.by === "app-cookie" ? `${rule.name}=${text}; ` : "";
      // A line copied from a client may be of either scheme.
      const pasted = [
        { ...blank, cookies: text },
        { ...blank, cookies: text, scheme: "http:" as const },
      ];
      const placed = { ...blank, cookies: `${theirs}${ours}=${text}; ${plain}=${text}` };
      return text.includes("=") ? [...pasted, placed] : [placed];
    }
    case "header":
      try {
        return [{ ...blank, headers: new Headers({ [rule.name]: text }) }];
      } catch {
        return [];
      }
    case "query":
      return [{ ...blank, query: `?${rule.name}=${text}` }];
    case "path":
      return [];
    case "ip":
      return [blank];
  }
}
