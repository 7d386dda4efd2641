import type { Arrival } from "../arrival.ts";
import type { Background, Instead, Rule } from "../model.ts";
import type { Change } from "../session-store.ts";
import { COOKIE_MOST, lastSetCookie, lifetimeOf, type AppSetCookie } from "./app-set-cookie.ts";
import type { Carriers } from "./carriers.ts";
import { store } from "./commit.ts";
import type { Desk, Held, Placed } from "./desk.ts";
import { sessionIds } from "./keyring.ts";
import { newCarried, placeOf } from "./settle.ts";
import type { Sighting } from "./sighting.ts";

/** What an answer taught, as far as it changes what the client gets. */
export interface Learned {
  /** Set-Cookie lines of ours to be added. */
  readonly setCookies: readonly string[];
  /** Lines and headers of the application to be sent instead of its own. */
  readonly instead: readonly Instead[];
}

interface Lesson {
  readonly rule: Rule;
  readonly sighting: Sighting | undefined;
  /** The ID that the origin issued; null when it ended its cookie. */
  readonly key: string | null;
  readonly cookie: AppSetCookie | null;
}

/** The request whose answer teaches. */
export interface Taught {
  readonly arrival: Arrival;
  readonly sightings: readonly Sighting[];
  readonly mayMake: boolean;
  readonly background: Background;
}

export const NOTHING_LEARNED: Learned = { setCookies: [], instead: [] };

/** Whether answers have to be read at all. */
export function learnsFromAnswers(rules: readonly Rule[]): boolean {
  return rules.some(isTaught);
}

/** Rules whose IDs come from origins: in Set-Cookie, or in a response header. */
function isTaught({ by, pin, learn }: Rule): boolean {
  if (by !== "app-cookie" && by !== "header") return false;
  return pin === "cookie" || pin === "embed" || (pin === "map" && learn !== "request");
}

/**
 * Learns the IDs that an origin issued or ended in its answer, at headers. A learned ID is durable
 * when this resolves; if the map fails, the answer leaves all the same.
 */
export async function learn(
  desk: Desk,
  carriers: Carriers,
  { arrival, sightings, mayMake, background }: Taught,
  placement: Placed,
  headers: Headers,
): Promise<Learned> {
  const all = readLessons(desk.pool.rules, sightings, headers, arrival.now);
  // What may make no pin learns no ID, but an ID that ends has ended.
  const lessons = mayMake ? all : all.filter(({ key }) => key === null);
  if (lessons.length === 0) return NOTHING_LEARNED;
  const setCookies: string[] = [];
  const instead: Instead[] = [];
  for (const lesson of lessons) {
    const { rule, key, cookie } = lesson;
    if (rule.pin === "map") {
      await learnKey(desk, lesson, placement, arrival.now, background);
      continue;
    }
    const carrier = carriers.of.get(rule);
    const envelope = carriers.envelopes.get(rule);
    if (key === null) {
      if (carrier !== undefined) setCookies.push(carrier.revoke(arrival.scheme));
      continue;
    }
    const held = heldBy(desk, lesson, placement, arrival.now);
    if (held.isNew) await store(desk, held, placeOf(placement.standing), background);
    const token = tokenFor(held, placement, arrival.now);
    if (carrier !== undefined) {
      // The companion appears when the application's cookie does, and lives as long.
      const lifetime = lifetimeOf(cookie?.attributes ?? "");
      setCookies.push(await carrier.issue(token, arrival.scheme, lifetime));
    } else if (envelope !== undefined) {
      instead.push(...enveloped(rule, cookie, await envelope.wrap(key, token)));
    }
  }
  return { setCookies, instead };
}

/** The session that an issued ID belongs to: the one that the request carried, or a new one. */
function heldBy(desk: Desk, { rule, sighting }: Lesson, placement: Placed, now: number): Held {
  const held = placement.held.find((one) => one.rule === rule);
  if (held !== undefined) return held;
  const fresh = newCarried(desk, rule, now);
  if (sighting?.kind !== "carried" || placement.outcome !== "hit") return fresh;
  const { sessionId, created } = sighting.token;
  return { ...fresh, sessionId, created, isNew: false };
}

function enveloped(rule: Rule, cookie: AppSetCookie | null, value: string): Instead[] {
  if (cookie === null) return [{ kind: "header", name: rule.name, value }];
  if (cookie.name.length + value.length > COOKIE_MOST) return [];
  return [
    { kind: "cookie", name: cookie.name, line: `${cookie.name}=${value}${cookie.attributes}` },
  ];
}

function readLessons(
  rules: readonly Rule[],
  sightings: readonly Sighting[],
  headers: Headers,
  now: number,
): Lesson[] {
  let lines: string[] | null = null;
  return rules.flatMap((rule, index): Lesson[] => {
    if (!isTaught(rule)) return [];
    const sighting = sightings[index];
    if (rule.by === "header") {
      const key = headers.get(rule.name);
      return key === null || key === "" ? [] : [{ rule, sighting, key, cookie: null }];
    }
    lines ??= headers.getSetCookie();
    const cookie = lastSetCookie(lines, rule.name, now);
    if (cookie === null || cookie.name.length + cookie.value.length > COOKIE_MOST) return [];
    const isOver = cookie.ends || cookie.value === "";
    return [{ rule, sighting, key: isOver ? null : cookie.value, cookie }];
  });
}

/** The map learns a new ID, and forgets the one it replaces or that the origin ended. */
async function learnKey(
  desk: Desk,
  { rule, sighting, key }: Lesson,
  { standing }: Placed,
  now: number,
  background: Background,
): Promise<void> {
  const shown = sighting?.kind === "keyed" ? sighting.key : null;
  const idsOf = (id: string) => sessionIds(desk.keyring, desk.pool.name, rule, id);
  try {
    if (shown !== null && shown !== key) {
      desk.leases.drop(rule.id, shown);
      background(desk.store.forget(await idsOf(shown)));
    }
    if (key === null) return;
    const place = placeOf(standing);
    const known = desk.leases.get(rule.id, key, now, { recalled: NONE, askBefore: 0 });
    if (known?.origin === place.origin && known.generation === place.generation) return;
    const ids = await idsOf(key);
    const change: Change = { by: rule.by, from: null, to: place, created: now };
    const answer = await desk.store.move(ids, change);
    if (answer.kind === "pinned") {
      desk.leases.set(rule.id, key, { ...answer, id: ids[0] ?? "", since: now });
    }
  } catch (error) {
    console.warn(
      JSON.stringify({ message: "id not learned", pool: desk.pool.name, error: String(error) }),
    );
  }
}

const NONE: ReadonlyMap<string, number> = new Map();

function tokenFor({ sessionId, created }: Held, { standing }: Placed, now: number) {
  const { origin, generation } = standing;
  return { sessionId: sessionId ?? "", origin, generation, created, renewed: now };
}
