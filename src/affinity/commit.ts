import type { Arrival } from "../shared/arrival.ts";
import type { Background, Standing } from "../model.ts";
import type { Place } from "../shared/session-store.ts";
import { warn } from "../shared/warn.ts";
import type { Carriers } from "./carriers.ts";
import { RECORD_WINDOW_MS, type Desk, type Held, type Placed } from "./desk.ts";
import { placeOf } from "./held.ts";
import { offer } from "./offer.ts";

/**
 * Keeps the pin everywhere it is to be kept, once an origin has answered: moves rows, stores new ones,
 * and returns the Set-Cookie lines for the client. Only moves are waited for. A map that fails costs
 * no answer: the client's cookie holds the pin, and the row follows with its next renewal.
 */
export async function commit(
  desk: Desk,
  carriers: Carriers,
  { standing, held }: Placed,
  { scheme, now }: Arrival,
  background: Background,
): Promise<string[]> {
  const lines: string[] = [];
  for (const one of held) {
    const { place, renewed } = await keepRow(desk, one, standing, now, background);
    const carrier = carriers.of.get(one.rule);
    if (!one.reissue || one.sessionId === null || carrier === undefined) continue;
    const { sessionId, created } = one;
    const origin =
      place.origin === standing.origin.name ? standing.origin : originNamed(desk, place.origin);
    const token = { sessionId, origin, generation: place.generation, created, renewed };
    lines.push(await carrier.issue(token, scheme));
  }
  return lines;
}

interface Kept {
  readonly place: Place;
  /** When the map last vouched for the session; ms since the epoch. */
  readonly renewed: number;
}

/** The row's part; answers where the session is, which a parallel request may have decided. */
async function keepRow(
  desk: Desk,
  one: Held,
  standing: Standing,
  now: number,
  background: Background,
): Promise<Kept> {
  const place = placeOf(standing);
  const { at, renewed } = one;
  const asItIs: Kept = { place, renewed };
  // The map has decided on a new key before any origin was asked.
  if (one.isNew && at !== null) return asItIs;
  if (one.isNew) {
    if (isRecorded(desk, one, now)) await store(desk, one, place, background);
    return asItIs;
  }
  if (at === null || (at.origin === place.origin && at.generation >= place.generation)) {
    return asItIs;
  }
  try {
    const change = { by: one.rule.by, from: at, to: place, created: one.created };
    const ids = await one.ids();
    const answer = await desk.store.move(ids, change);
    // Released meanwhile, or out of reach: the old time makes sure that the map is asked again.
    if (answer.kind !== "pinned") return asItIs;
    const lease = { ...answer, id: ids[0] ?? "", since: now };
    desk.leases.set(one.rule.id, one.key ?? one.sessionId ?? "", lease);
    const isKnown = desk.pool.origins.some(({ name }) => name === answer.origin);
    return isKnown ? { place: answer, renewed: now } : asItIs;
  } catch (error) {
    warn("pin not moved", { pool: desk.pool.name }, error);
    return asItIs;
  }
}

/** When a session gets its row: at once, when its client has come back, or never. */
function isRecorded(desk: Desk, { rule, created }: Held, now: number): boolean {
  const when = desk.pool.sessions.record;
  return rule.by === "cookie"
    ? when === "first" || (when === "return" && created < now)
    : when !== "never";
}

/** A new row, which nobody waits for. */
export async function store(
  desk: Desk,
  one: Held,
  place: Place,
  background: Background,
): Promise<void> {
  if (desk.pool.sessions.record === "never") return;
  const { by } = one.rule;
  const proposal = { ...place, created: one.created, carried: one.sessionId !== null };
  const ids = await one.ids();
  if (one.key === null) {
    desk.store.later(
      ids.slice(0, 1),
      by,
      proposal,
      { windowMs: RECORD_WINDOW_MS, isFresh: true, background },
      ignore,
    );
    return;
  }
  const { key } = one;
  if (desk.leases.pending.has(`${one.rule.id}\0${key}`)) return;
  const stored = desk.store.assign(ids, by, proposal, background).then(
    (answer) => {
      if (answer.kind !== "pinned") return;
      desk.leases.set(one.rule.id, key, { ...answer, id: ids[0] ?? "", since: one.created });
    },
    (error: unknown) => {
      warn("session not stored", { pool: desk.pool.name }, error);
      offer(desk, one.rule, key, ids, { ...place, created: one.created }, background);
    },
  );
  background(stored);
}

function ignore(): void {}

function originNamed(desk: Desk, name: string) {
  const origin = desk.pool.origins.find((one) => one.name === name);
  if (origin === undefined) throw new Error(`origin ${name} is not of this pool`);
  return origin;
}
