import type { Arrival } from "../shared/arrival.ts";
import type { Background, Instead, Rule } from "../model.ts";
import type { Change } from "../shared/session-store.ts";
import { cookiesNamed } from "./cookie-header.ts";
import { COOKIE_MOST, lastSetCookie, lifetimeOf, type AppSetCookie } from "./app-set-cookie.ts";
import { warn } from "../shared/warn.ts";
import type { Carriers } from "./carriers.ts";
import { store } from "./commit.ts";
import type { Desk, Held, Placed } from "./desk.ts";
import { sessionIds } from "./keyring.ts";
import { unwrap } from "./embed.ts";
import { newCarried, placeOf } from "./held.ts";
import { offer } from "./offer.ts";
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
  mayMake(): boolean;
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
 * when this resolves; if the map fails, the answer leaves all the same, and the map is told later. No
 * promise for the many answers that teach nothing.
 */
export function learn(
  desk: Desk,
  carriers: Carriers,
  taught: Taught,
  placement: Placed,
  headers: Headers,
): Learned | Promise<Learned> {
  const { arrival, sightings } = taught;
  const lessons = readLessons(desk.pool.rules, sightings, headers, arrival.now);
  return lessons.length === 0
    ? NOTHING_LEARNED
    : learnAll(desk, carriers, taught, placement, lessons);
}

async function learnAll(
  desk: Desk,
  carriers: Carriers,
  { arrival, mayMake, background }: Taught,
  placement: Placed,
  lessons: readonly Lesson[],
): Promise<Learned> {
  const setCookies: string[] = [];
  const instead: Instead[] = [];
  for (const lesson of lessons) {
    const { rule, key, cookie } = lesson;
    const carrier = carriers.of.get(rule);
    const envelope = carriers.envelopes.get(rule);
    const shown = shownBy(arrival, rule);
    if (key === null) {
      await forget(desk, lesson, background);
      if (carrier !== undefined) setCookies.push(carrier.revoke(arrival.scheme));
    } else if (shown?.value === key && (placement.outcome === "detour" || !mayMake())) {
      // An answer that only repeats the ID goes on with the pin as it is.
      if (envelope !== undefined) instead.push(...enveloped(rule, cookie, shown.whole));
    } else if (!mayMake()) {
      continue;
    } else if (rule.pin === "map") {
      // The row that decided on this request needs no second look.
      const isKnown = placement.rule === rule && placement.outcome === "hit";
      if (shown?.value === key && isKnown) continue;
      await learnKey(desk, lesson, key, placement, arrival.now, background);
    } else {
      const held = heldBy(desk, lesson, placement, arrival.now);
      if (held.isNew) await store(desk, held, placeOf(placement.standing), background);
      const token = tokenFor(held, placement);
      if (carrier !== undefined) {
        // The companion appears when the application's cookie does, and lives as long.
        const lifetime = lifetimeOf(cookie?.attributes ?? "");
        setCookies.push(await carrier.issue(token, arrival.scheme, lifetime));
      } else if (envelope !== undefined) {
        instead.push(...enveloped(rule, cookie, await envelope.wrap(key, token)));
      }
    }
  }
  return { setCookies, instead };
}

/** The ID that the request showed for a rule: as the origin knows it, and as it came. */
function shownBy(arrival: Arrival, { by, name }: Rule): { value: string; whole: string } | null {
  const whole =
    by === "header"
      ? arrival.headers.get(name)
      : (cookiesNamed(arrival.cookies ?? "", name)[0]?.value ?? null);
  return whole === null ? null : { value: unwrap(whole)?.value ?? whole, whole };
}

/** Drops what the map has of an ID that the origin has ended or replaced. */
async function forget(
  desk: Desk,
  { rule, sighting }: Lesson,
  background: Background,
): Promise<void> {
  const key =
    sighting?.kind === "keyed"
      ? sighting.key
      : sighting?.kind === "carried"
        ? sighting.token.sessionId
        : null;
  if (key === null) return;
  desk.leases.drop(rule.id, key);
  const ids = await sessionIds(desk.keyring, desk.pool.name, rule, key);
  background(
    desk.store
      .forget(ids)
      .catch((error: unknown) => warn("id not forgotten", { pool: desk.pool.name }, error)),
  );
}

/** The session that an issued ID belongs to: the one that the request carried, or a new one. */
function heldBy(desk: Desk, { rule, sighting }: Lesson, placement: Placed, now: number): Held {
  const held = placement.held.find((one) => one.rule === rule);
  if (held !== undefined) return held;
  const fresh = newCarried(desk, rule, now);
  if (sighting?.kind !== "carried" || placement.outcome !== "hit") return fresh;
  const { sessionId, created, renewed } = sighting.token;
  return { ...fresh, sessionId, created, renewed, isNew: false };
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
  const lessons: Lesson[] = [];
  let lines: string[] | null = null;
  for (const [index, rule] of rules.entries()) {
    if (!isTaught(rule)) continue;
    const sighting = sightings[index];
    if (rule.by === "header") {
      const key = headers.get(rule.name);
      if (key !== null && key !== "") lessons.push({ rule, sighting, key, cookie: null });
      continue;
    }
    lines ??= headers.getSetCookie();
    const cookie = lastSetCookie(lines, rule.name, now);
    if (cookie === null || cookie.name.length + cookie.value.length > COOKIE_MOST) continue;
    const isOver = cookie.ends || cookie.value === "";
    lessons.push({ rule, sighting, key: isOver ? null : cookie.value, cookie });
  }
  return lessons;
}

/** The map learns a new ID, and forgets the one it replaces. */
async function learnKey(
  desk: Desk,
  lesson: Lesson,
  key: string,
  { standing }: Placed,
  now: number,
  background: Background,
): Promise<void> {
  const { rule, sighting } = lesson;
  if (sighting?.kind === "keyed" && sighting.key !== key) await forget(desk, lesson, background);
  const place = placeOf(standing);
  const known = desk.leases.get(rule.id, key, now, { recalled: NONE, askBefore: 0 });
  if (known?.origin === place.origin && known.generation === place.generation) return;
  const ids = await sessionIds(desk.keyring, desk.pool.name, rule, key);
  const lease = { id: ids[0] ?? "", since: now };
  try {
    const change: Change = { by: rule.by, from: null, to: place, created: now };
    const answer = await desk.store.move(ids, change);
    if (answer.kind === "pinned") desk.leases.set(rule.id, key, { ...answer, ...lease });
  } catch (error) {
    warn("id not learned", { pool: desk.pool.name }, error);
    // This isolate believes it, and the others shall as soon as the map does.
    desk.leases.set(rule.id, key, { ...place, created: now, seen: now, ...lease });
    offer(desk, rule, key, ids, { ...place, created: now }, background);
  }
}

const NONE: ReadonlyMap<string, number> = new Map();

function tokenFor({ sessionId, created, renewed }: Held, { standing }: Placed) {
  const { origin, generation } = standing;
  return { sessionId: sessionId ?? "", origin, generation, created, renewed };
}
