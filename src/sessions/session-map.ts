import { DurableObject } from "cloudflare:workers";

import type { By, Session } from "../model.ts";
import type { Answer, Change, Place } from "../session-store.ts";
import type { Ask, Limits, Page, Shard } from "./protocol.ts";
import { statements, type SessionRow, type Statements } from "./statements.ts";

/** Rows deleted per slice of a sweep: about 10 ms, so that no request waits longer. */
const SWEEP_ROWS = 2_000;
const SWEEP_PAUSE_MS = 20;
/** Expiry on read is exact; the alarm only frees space, so it need not be punctual. */
const SWEEP_SLACK_MS = 500;
/** A row seen this recently is not written again. */
const TOUCH_STEP_MS = 1_000;

/**
 * One shard of a pool's session map. Decides, atomically, where a session lives; keeps no state in
 * fields but what can be read back from storage.
 */
export class SessionMap extends DurableObject implements Shard {
  readonly #sql: Statements;
  #limits: Limits;
  #size: number;
  /** When the alarm rings, for the first row that can expire or earlier; 0: to be found out. */
  #alarmAt = 0;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql = statements(ctx.storage.sql);
    const limits = this.#sql.limits();
    this.#limits = { idleMs: limits?.idle ?? 0, ttlMs: limits?.ttl ?? 0, cap: limits?.cap ?? 0 };
    this.#size = this.#sql.size();
  }

  async assign(asks: readonly Ask[], limits: Limits): Promise<Answer[]> {
    this.#adopt(limits);
    const now = Date.now();
    const answers = asks.map((ask) => this.#assignOne(ask, now));
    this.#evict();
    await this.#wakeForExpiry(now);
    return answers;
  }

  async move(id: string, { by, from, to, created }: Change, limits: Limits): Promise<Answer> {
    this.#adopt(limits);
    const now = Date.now();
    const row = this.#live(id, now);
    if (row !== null && from !== null) {
      if (row.origin === null) return { kind: "released" };
      if (!isAt(row, from)) return pinned(row, false);
    }
    const moved: SessionRow = {
      id,
      by: row?.by ?? by,
      ...to,
      created: row?.created ?? created,
      seen: now,
    };
    this.#put(moved);
    this.#evict();
    await this.#wakeForExpiry(now);
    return pinned(moved, true);
  }

  async release(id: string): Promise<Session | null> {
    const now = Date.now();
    const row = this.#live(id, now);
    if (row === null || row.origin === null) return null;
    this.#sql.put({ ...row, origin: null, created: now, seen: now });
    return this.#session(row);
  }

  async find(id: string): Promise<Session | null> {
    const row = this.#live(id, Date.now());
    return row === null || row.origin === null ? null : this.#session(row);
  }

  async look(id: string): Promise<Answer> {
    const row = this.#live(id, Date.now());
    if (row === null) return { kind: "unknown" };
    return row.origin === null ? { kind: "released" } : pinned(row, false);
  }

  async forget(id: string): Promise<void> {
    this.#size -= this.#sql.drop(id);
  }

  async list({ after, filter, most }: Page): Promise<Session[]> {
    const now = Date.now();
    const { idleMs, ttlMs } = this.#limits;
    return this.#sql
      .page(after, filter, now - idleMs, now - ttlMs, most)
      .map((row) => this.#session(row));
  }

  async moveIdle(from: string, to: Place, seenBefore: number, most: number): Promise<number> {
    const now = Date.now();
    const { idleMs, ttlMs } = this.#limits;
    return this.#sql.moveSeenUpTo(from, to, seenBefore, now - idleMs, now - ttlMs, most);
  }

  async releaseOlder({ origin, generation }: Place, most: number): Promise<number> {
    const dropped = this.#sql.dropOlder(origin, generation, most);
    this.#size -= dropped;
    return dropped;
  }

  async counts(): Promise<Map<string, number>> {
    const now = Date.now();
    const { idleMs, ttlMs } = this.#limits;
    return new Map(this.#sql.count(now - idleMs, now - ttlMs).map(({ origin, n }) => [origin, n]));
  }

  /** Sweeps what has expired, slice by slice, and sleeps until the next row can expire. */
  override async alarm(): Promise<void> {
    const now = Date.now();
    const more = this.#sweepSlice(now);
    this.#alarmAt = more ? now + SWEEP_PAUSE_MS : 0;
    if (more) await this.ctx.storage.setAlarm(this.#alarmAt);
    else await this.#wakeForExpiry(now);
  }

  #assignOne({ id, by, proposal }: Ask, now: number): Answer {
    const row = this.#live(id, now);
    if (row !== null && row.origin !== null) {
      if (now - row.seen >= Math.min(TOUCH_STEP_MS, this.#limits.idleMs / 10)) {
        this.#sql.touch(id, now);
        row.seen = now;
      }
      return pinned(row, false);
    }
    // A released session voids the pin its client carries; a key may begin anew.
    if (row !== null && (proposal === null || proposal.carried)) return { kind: "released" };
    if (proposal === null) return { kind: "unknown" };
    const { origin, generation, created } = proposal;
    const fresh: SessionRow = { id, by, origin, generation, created: created ?? now, seen: now };
    this.#put(fresh);
    return pinned(fresh, true);
  }

  /** The row, unless it has expired: then it is absent, swept or not. */
  #live(id: string, now: number): SessionRow | null {
    const row = this.#sql.get(id);
    return row !== null && this.#expires(row) > now ? row : null;
  }

  #expires(row: SessionRow): number {
    return Math.min(row.seen + this.#limits.idleMs, row.created + this.#limits.ttlMs);
  }

  #put(row: SessionRow): void {
    const isNew = this.#sql.get(row.id) === null;
    this.#sql.put(row);
    if (this.#expires(row) + SWEEP_SLACK_MS < this.#alarmAt) this.#alarmAt = 0;
    if (isNew) this.#size += 1;
  }

  #session(row: SessionRow): Session {
    const { id, by, origin, generation, created, seen } = row;
    return {
      id,
      by: by as By,
      origin: origin ?? "",
      generation,
      created,
      seen,
      expires: this.#expires(row),
    };
  }

  #adopt(limits: Limits): void {
    const { idleMs, ttlMs, cap } = limits;
    const mine = this.#limits;
    if (idleMs === mine.idleMs && ttlMs === mine.ttlMs && cap === mine.cap) return;
    this.#limits = limits;
    this.#sql.setLimits({ idle: idleMs, ttl: ttlMs, cap });
    this.#alarmAt = 0;
  }

  #evict(): void {
    const surplus = this.#size - this.#limits.cap;
    if (surplus <= 0) return;
    this.#size -= this.#sql.dropLeastRecentlySeen(surplus);
  }

  /** Deletes up to one slice of expired rows; whether there may be more. */
  #sweepSlice(now: number): boolean {
    const { idleMs, ttlMs } = this.#limits;
    const dropped = this.#sql.dropSeenUpTo(now - idleMs, SWEEP_ROWS);
    const ended = this.#sql.dropCreatedUpTo(now - ttlMs, SWEEP_ROWS);
    this.#size -= dropped + ended;
    return dropped === SWEEP_ROWS || ended === SWEEP_ROWS;
  }

  /** Makes sure that an alarm rings once the first row can have expired. */
  async #wakeForExpiry(now: number): Promise<void> {
    if (this.#alarmAt !== 0) return;
    const seen = this.#sql.oldestSeen();
    const created = this.#sql.oldestCreated();
    if (seen === null || created === null) return;
    const first = Math.min(seen + this.#limits.idleMs, created + this.#limits.ttlMs);
    this.#alarmAt = Math.max(first, now) + SWEEP_SLACK_MS;
    await this.ctx.storage.setAlarm(this.#alarmAt);
  }
}

function isAt(row: SessionRow, place: Place): boolean {
  return row.origin === place.origin && row.generation === place.generation;
}

function pinned(row: SessionRow, fresh: boolean): Answer {
  const { origin, generation, created, seen } = row;
  return { kind: "pinned", fresh, origin: origin ?? "", generation, created, seen };
}
