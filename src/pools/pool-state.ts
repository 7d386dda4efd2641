import { DurableObject } from "cloudflare:workers";

import type { Counts } from "../shared/counts.ts";
import type { HealthSettings } from "../model.ts";
import { Census } from "./census.ts";
import { chronicle, type Chronicle } from "./chronicle.ts";
import type {
  Control,
  Minute,
  News,
  OriginChange,
  Plan,
  PlannedOrigin,
  PoolMetrics,
} from "./control.ts";
import { ledgerStatements } from "./ledger-statements.ts";
import { Ledger } from "./ledger.ts";
import { MINUTE_MS } from "./minute.ts";
import {
  changed,
  describeChange,
  drainChange,
  ejected,
  isDraining,
  operatorTag,
} from "./origin-row.ts";
import { adoptedRow, capOf, outOf, rowsOf } from "./plan-rows.ts";
import type { Transfer } from "./rebalance.ts";
import { Rounds } from "./rounds.ts";
import { isDue } from "./schedule.ts";
import { statements, type EventRow, type OriginRow, type Statements } from "./statements.ts";
import { Tenure } from "./tenure.ts";

/** Beyond this many recalled sessions, isolates ask the map about all of them. */
const RECALLED_MOST = 1_000;
/** Clocks of different places differ by less: leases that began so soon after a recall don't count. */
const SKEW_MS = 2_000;
/** Probes rest while nobody asks for the view. */
const UNASKED_MS = 600_000;
/** How exactly it is remembered when somebody asked. */
const ASKED_STEP_MS = 60_000;

/** One pool's control plane: what operators did, what is observed, and what every isolate must know. */
export abstract class PoolControl extends DurableObject implements Control {
  readonly #sql: Statements;
  readonly #chronicle: Chronicle;
  readonly #ledger: Ledger;
  readonly #tenure: Tenure;
  readonly #rounds: Rounds;
  readonly #census = new Census((plan) => this.countSessions(plan));
  #askedAt: number;
  /** When sessions were counted for the history, or that was tried. */
  #sampledAt = 0;
  /** Whether this object has looked after its alarm since it woke up. */
  #isScheduled = false;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql = statements(ctx.storage.sql);
    this.#chronicle = chronicle(this.#sql);
    this.#ledger = new Ledger(
      ledgerStatements(ctx.storage.sql, Date.now()),
      this.#chronicle,
      Date.now(),
    );
    this.#tenure = new Tenure(this.#sql, this.#chronicle, Date.now());
    this.#askedAt = this.#sql.control().asked_at;
    this.#rounds = new Rounds(this.#sql, this.#chronicle, {
      probe: (origin, health) => this.probe(origin, health),
      moveIdle: (plan, transfers) => this.moveIdle(plan, transfers),
      recount: (plan) => this.#recount(plan),
      save: (row, event, cause) => this.#save(row, event, cause),
      isInForce: (plan) => plan === this.#plan,
    });
  }

  get #plan(): Plan | null {
    return this.#tenure.plan;
  }

  /** Live sessions by origin, from the session map. */
  protected abstract countSessions(plan: Plan): Promise<ReadonlyMap<string, number>>;
  /** Moves idle sessions as told; how many it were. */
  protected abstract moveIdle(plan: Plan, transfers: readonly Transfer[]): Promise<number>;
  /** Whether the origin passes one probe. Never throws. */
  protected abstract probe(origin: PlannedOrigin, health: HealthSettings): Promise<boolean>;

  async view(known: number, digest: string, counts: Counts | null = null): Promise<News> {
    const now = Date.now();
    if (counts !== null) this.#take(counts, now);
    // Checks that rested while nobody asked go on.
    const hasRested = this.#note(now) || !this.#isScheduled;
    if (hasRested) await this.#schedule(now);
    if (this.#sql.dropRecalledUpTo(now) > 0) this.#sql.bump();
    if (this.#plan?.countsMatter) {
      const recounted = this.#recount(this.#plan);
      if (this.#census.at === 0) await recounted;
      else this.ctx.waitUntil(recounted);
    }
    const { version, ask_before: askBefore } = this.#sql.control();
    const wantsPlan = this.#tenure.wants(digest, now);
    if (version === known) return { view: null, wantsPlan };
    const origins = rowsOf(this.#plan, this.#sql.origins());
    const recalled = new Map(this.#sql.recalled().map(({ id, at }) => [id, at + SKEW_MS]));
    const { counts: sessions, at: countsAt } = this.#census;
    const view = { version, origins, recalled, askBefore, counts: sessions, countsAt };
    return { view, wantsPlan };
  }

  async adopt(plan: Plan): Promise<void> {
    const now = Date.now();
    if (!this.#tenure.wants(plan.digest, now)) return;
    this.#note(now);
    this.#tenure.adopt(plan, now);
    for (const planned of plan.origins) {
      const steps = adoptedRow(plan, planned, this.#sql.origin(planned.name), now);
      for (const { row, kind, cause } of steps) this.#save(row, kind, cause);
    }
    await this.#schedule(now);
  }

  async recall(ids: readonly string[], leaseMs: number, cause: string): Promise<void> {
    const now = Date.now();
    this.#sql.dropRecalledUpTo(now);
    for (const id of ids) this.#sql.recall(id, now, now + leaseMs + SKEW_MS);
    if (this.#sql.recalled().length > RECALLED_MOST) this.#sql.recallAllBefore(now + SKEW_MS);
    this.#chronicle.sum(now, "sessions recalled", null, cause, ids.length);
    this.#sql.bump();
  }

  async report(origin: string, ejectMs: number, cause: string): Promise<boolean> {
    const now = Date.now();
    const row = this.#sql.origin(origin);
    if (row.ejected_until > now) return true;
    if (this.#plan !== null && outOf(this.#plan, this.#sql.origins(), now) >= capOf(this.#plan)) {
      return false;
    }
    this.#save(ejected(row, now + ejectMs), "ejected", cause);
    return true;
  }

  async change(origin: string, change: OriginChange, plan: Plan): Promise<boolean> {
    await this.adopt(plan);
    const now = Date.now();
    const row = this.#sql.origin(origin);
    if (change.onlyIf !== undefined && !change.onlyIf.includes(operatorTag(row))) return false;
    const configured = plan.origins.find(({ name }) => name === origin)?.state ?? "active";
    const next = changed(row, change, configured, now, plan.drainMs);
    if (change.drainMs !== undefined && !isDraining(next, configured)) return false;
    this.#save(next, "state changed", describeChange(change));
    const drain = drainChange(row, next);
    if (drain !== null) this.#chronicle.note(now, drain, origin, "operator");
    await this.#schedule(now);
    return true;
  }

  async raise(origins: readonly string[], cause: string): Promise<number[]> {
    return origins.map((name) => {
      const row = this.#sql.origin(name);
      const generation = row.generation + 1;
      this.#save({ ...row, generation }, "sessions released", cause);
      return generation;
    });
  }

  async events(upTo: number, most: number): Promise<EventRow[]> {
    return this.#sql.events(upTo, most);
  }

  async count(counts: Counts): Promise<void> {
    this.#take(counts, Date.now());
  }

  async metrics(): Promise<PoolMetrics> {
    const now = Date.now();
    await this.#sample(now);
    const { since, totals } = this.#ledger;
    const sessions = this.#census.at === 0 ? null : this.#census.counts;
    const isolates = this.#ledger.isolates(now);
    return { since, totals, sessions, isolates, degradedSince: this.#ledger.degradedSince(now) };
  }

  async history(): Promise<readonly Minute[]> {
    const now = Date.now();
    await this.#sample(now);
    return this.#ledger.minutes(now);
  }

  #take(counts: Counts, now: number): void {
    this.#ledger.add(counts, now);
    this.ctx.waitUntil(this.#sample(now));
  }

  /** Counts the sessions for the history, once a minute while there is traffic or somebody looks. */
  async #sample(now: number): Promise<void> {
    if (this.#plan === null || !isDue(now, this.#sampledAt, MINUTE_MS)) return;
    this.#sampledAt = now;
    await this.#recount(this.#plan);
    if (this.#census.at > 0) this.#ledger.sampled(this.#census.counts, Date.now());
  }

  /** Probes, ends drains, and sleeps until the next of either is due. */
  override async alarm(): Promise<void> {
    const plan = this.#plan;
    if (plan === null) return;
    try {
      await this.#rounds.tick(plan, Date.now());
    } finally {
      await this.#schedule(Date.now());
    }
  }

  async #recount(plan: Plan): Promise<Census> {
    const isNew = await this.#census.take(plan);
    if (isNew && plan.countsMatter) this.#sql.bump();
    return this.#census;
  }

  /** Remembers that a Worker is interested; whether the last time was long ago. */
  #note(now: number): boolean {
    const before = this.#askedAt;
    if (isDue(now, before, ASKED_STEP_MS)) {
      this.#askedAt = now;
      this.#sql.setAskedAt(now);
    }
    return isDue(now, before, UNASKED_MS);
  }

  #save(row: OriginRow, event: string, cause: string): void {
    this.#sql.putOrigin(row);
    this.#sql.bump();
    this.#chronicle.note(Date.now(), event, row.name, cause);
  }

  async #schedule(now: number): Promise<void> {
    this.#isScheduled = true;
    if (this.#plan === null) return;
    const at = this.#rounds.next(this.#plan, now, now - this.#askedAt < UNASKED_MS);
    if (at !== null) await this.ctx.storage.setAlarm(at);
  }
}
