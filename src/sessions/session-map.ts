import { DurableObject } from "cloudflare:workers";

import type { Session } from "../model.ts";
import type { Answer, Change, Place } from "../shared/session-store.ts";
import type { Ask, Limits, Page, Shard } from "./protocol.ts";
import { endOf, freshRows, isAt, pinned, sessionOf } from "./session-row.ts";
import { statements, type SessionRow, type Statements } from "./statements.ts";
import { Tally } from "./tally.ts";

/** Rows deleted at once, by a sweep or to make room: about 10 ms, so that no request waits longer. */
const SWEEP_ROWS = 2_000;
const SWEEP_PAUSE_MS = 20;
/** Expiry on read is exact; the alarm only frees space, so it need not be punctual. */
const SWEEP_SLACK_MS = 500;
/** A row seen this recently is not written again. */
const TOUCH_STEP_MS = 1_000;
/** Up to this many rows are found by origin and sorted; more are found along the ids. */
const FEW_ROWS = 4_000;

/**
 * One shard of a pool's session map. Decides, atomically, where a session lives; keeps no state in
 * fields but what can be read back from storage.
 */
export class SessionMap extends DurableObject implements Shard {
  readonly #sql: Statements;
  #limits: Limits;
  #tally: Tally;
  /** When the alarm rings, for the first row that can expire or earlier; 0: to be found out. */
  #alarmAt = 0;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql = statements(ctx.storage.sql);
    const limits = this.#sql.limits();
    this.#limits = { idleMs: limits?.idle ?? 0, ttlMs: limits?.ttl ?? 0, cap: limits?.cap ?? 0 };
    this.#tally = this.#count();
  }

  async assign(asks: readonly Ask[], limits: Limits): Promise<Answer[]> {
    this.#adopt(limits);
    const now = Date.now();
    const answers = asks.map((ask) => this.#assignOne(ask, now));
    this.#evict();
    await this.#wakeForExpiry(now);
    return answers;
  }

  async record(fresh: string, limits: Limits): Promise<void> {
    this.#adopt(limits);
    const now = Date.now();
    const rows = freshRows(fresh, now);
    if (this.#sql.insert(rows)) {
      for (const row of rows) this.#entered(row);
    } else {
      this.#tally = this.#count();
      this.#alarmAt = 0;
      // Some ids were there before: those that have ended make room.
      for (const row of rows) {
        const before = this.#sql.get(row.id);
        if (before !== null && endOf(before, this.#limits) <= now) this.#put(row, before);
      }
    }
    this.#evict();
    await this.#wakeForExpiry(now);
  }

  async move(id: string, { by, from, to, created }: Change, limits: Limits): Promise<Answer> {
    this.#adopt(limits);
    const now = Date.now();
    const before = this.#sql.get(id);
    const row = this.#alive(before, now);
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
    this.#put(moved, before);
    this.#evict();
    await this.#wakeForExpiry(now);
    return pinned(moved, true);
  }

  async release(id: string): Promise<Session | null> {
    const now = Date.now();
    const row = this.#live(id, now);
    if (row === null || row.origin === null) return null;
    this.#put({ ...row, origin: null, created: now, seen: now }, row);
    return sessionOf(id, row, this.#limits);
  }

  async find(id: string): Promise<Session | null> {
    const row = this.#live(id, Date.now());
    return row === null || row.origin === null ? null : sessionOf(id, row, this.#limits);
  }

  async look(id: string): Promise<Answer> {
    const row = this.#live(id, Date.now());
    if (row === null) return { kind: "unknown" };
    return row.origin === null ? { kind: "released" } : pinned(row, false);
  }

  async forget(id: string): Promise<void> {
    this.#tally.remove(this.#sql.drop(id));
  }

  async list({ after, filter, most }: Page): Promise<Session[]> {
    const now = Date.now();
    const { idleMs, ttlMs } = this.#limits;
    const origins = filter.origin === null ? this.#tally.origins() : [filter.origin];
    const rows = origins.reduce((sum, origin) => sum + this.#tally.of(origin, filter.by), 0);
    if (rows === 0) return [];
    const few = rows <= FEW_ROWS && rows < this.#tally.size / 2 ? origins : null;
    return this.#sql
      .page(after, filter, few, now - idleMs, now - ttlMs, most)
      .map((row) => sessionOf(row.id, row, this.#limits));
  }

  async moveIdle(from: string, to: Place, seenBefore: number, most: number): Promise<number> {
    const now = Date.now();
    const { idleMs, ttlMs } = this.#limits;
    const moved = this.#sql.moveSeenUpTo(from, to, seenBefore, now - idleMs, now - ttlMs, most);
    for (const { by } of moved) {
      this.#tally.add({ origin: from, by }, -1);
      this.#tally.add({ origin: to.origin, by });
    }
    return moved.length;
  }

  async releaseOlder({ origin, generation }: Place, most: number): Promise<number> {
    const dropped = this.#sql.dropOlder(origin, generation, most);
    this.#tally.remove(dropped);
    return dropped.length;
  }

  async counts(): Promise<Map<string, number>> {
    const now = Date.now();
    const { idleMs, ttlMs } = this.#limits;
    const ended = new Map(
      this.#sql.countEnded(now - idleMs, now - ttlMs).map(({ origin, n }) => [origin, n]),
    );
    const live = this.#tally
      .origins()
      .map((origin) => [origin, this.#tally.of(origin) - (ended.get(origin) ?? 0)] as const);
    return new Map(live.filter(([, sessions]) => sessions > 0));
  }

  /** Sweeps what has expired, slice by slice, and sleeps until the next row can expire. */
  override async alarm(): Promise<void> {
    const now = Date.now();
    const isEnded = this.#sweepSlice(now);
    this.#evict();
    const more = isEnded || this.#surplus > 0;
    this.#alarmAt = more ? now + SWEEP_PAUSE_MS : 0;
    if (more) await this.ctx.storage.setAlarm(this.#alarmAt);
    else await this.#wakeForExpiry(now);
  }

  #assignOne({ id, by, proposal }: Ask, now: number): Answer {
    const before = this.#sql.get(id);
    const row = this.#alive(before, now);
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
    this.#put(fresh, before);
    return pinned(fresh, true);
  }

  #live(id: string, now: number): SessionRow | null {
    return this.#alive(this.#sql.get(id), now);
  }

  /** The row, unless it has expired: then it is absent, swept or not. */
  #alive(row: SessionRow | null, now: number): SessionRow | null {
    return row !== null && endOf(row, this.#limits) > now ? row : null;
  }

  /** `before` is what is stored under the id now, alive or not. */
  #put(row: SessionRow, before: SessionRow | null): void {
    this.#sql.put(row);
    if (before !== null) this.#tally.add(before, -1);
    this.#entered(row);
  }

  #entered(row: SessionRow): void {
    this.#tally.add(row);
    if (endOf(row, this.#limits) + SWEEP_SLACK_MS < this.#alarmAt) this.#alarmAt = 0;
  }

  #count(): Tally {
    const tally = new Tally();
    for (const { n, ...kind } of this.#sql.tally()) tally.add(kind, n);
    return tally;
  }

  #adopt(limits: Limits): void {
    const { idleMs, ttlMs, cap } = limits;
    const mine = this.#limits;
    if (idleMs === mine.idleMs && ttlMs === mine.ttlMs && cap === mine.cap) return;
    this.#limits = limits;
    this.#sql.setLimits({ idle: idleMs, ttl: ttlMs, cap });
    this.#alarmAt = 0;
  }

  get #surplus(): number {
    return this.#tally.size - this.#limits.cap;
  }

  /** Makes room, a slice at a time: more than that is too much only when the room has become smaller. */
  #evict(): void {
    const surplus = Math.min(this.#surplus, SWEEP_ROWS);
    if (surplus > 0) this.#tally.remove(this.#sql.dropLeastRecentlySeen(surplus));
  }

  /** Deletes up to one slice of expired rows; whether there may be more. */
  #sweepSlice(now: number): boolean {
    const { idleMs, ttlMs } = this.#limits;
    const dropped = this.#sql.dropSeenUpTo(now - idleMs, SWEEP_ROWS);
    const ended = this.#sql.dropCreatedUpTo(now - ttlMs, SWEEP_ROWS);
    this.#tally.remove(dropped);
    this.#tally.remove(ended);
    return dropped.length === SWEEP_ROWS || ended.length === SWEEP_ROWS;
  }

  /** Makes sure that an alarm rings once the first row can have expired, or has no room. */
  async #wakeForExpiry(now: number): Promise<void> {
    if (this.#alarmAt !== 0) return;
    const seen = this.#sql.oldestSeen();
    const created = this.#sql.oldestCreated();
    if (seen === null || created === null) return;
    const first = Math.min(seen + this.#limits.idleMs, created + this.#limits.ttlMs);
    const due = this.#surplus > 0 ? now : Math.max(first, now);
    this.#alarmAt = due + SWEEP_SLACK_MS;
    await this.ctx.storage.setAlarm(this.#alarmAt);
  }
}
