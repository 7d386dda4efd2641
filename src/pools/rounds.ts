import type { HealthSettings } from "../model.ts";
import type { Census } from "./census.ts";
import type { Chronicle } from "./chronicle.ts";
import type { Plan, PlannedOrigin } from "./control.ts";
import { drainEnd, flipped } from "./origin-row.ts";
import { rowsOf } from "./plan-rows.ts";
import { transfersFor, type Transfer } from "./rebalance.ts";
import { DRAIN_TICK_MS, isDue, nextAlarm, REBALANCE_MS } from "./schedule.ts";
import type { OriginRow, Statements } from "./statements.ts";

const PROBES_AT_ONCE = 50;

/** What the control object lends for its rounds. */
interface Hands {
  /** Whether the origin passes one probe. Never throws. */
  probe(origin: PlannedOrigin, health: HealthSettings): Promise<boolean>;
  /** Moves idle sessions as told; how many it were. */
  moveIdle(plan: Plan, transfers: readonly Transfer[]): Promise<number>;
  recount(plan: Plan): Promise<Pick<Census, "counts" | "at">>;
  save(row: OriginRow, event: string, cause: string): void;
  /** Whether the pool still works by this plan: another may come while something is awaited. */
  isInForce(plan: Plan): boolean;
}

/** What a control object does by its alarm: it probes, ends drains and rebalances. */
export class Rounds {
  readonly #sql: Statements;
  readonly #chronicle: Chronicle;
  readonly #hands: Hands;
  #probedAt = 0;
  #rebalancedAt: number;

  constructor(sql: Statements, chronicle: Chronicle, hands: Hands) {
    this.#sql = sql;
    this.#chronicle = chronicle;
    this.#hands = hands;
    this.#rebalancedAt = sql.control().rebalanced_at;
  }

  /** When there is something to do next; null until somebody asks. */
  next(plan: Plan, now: number, isAsked: boolean): number | null {
    const past = { isAsked, probedAt: this.#probedAt, rebalancedAt: this.#rebalancedAt };
    return nextAlarm(plan, this.#draining(plan), now, past);
  }

  /** Does what is due. */
  async tick(plan: Plan, now: number): Promise<void> {
    if (plan.health.path !== null && isDue(now, this.#probedAt, plan.health.intervalMs - 100)) {
      this.#probedAt = now;
      await this.#probeAll(plan);
    }
    await this.#endDrains(plan);
    if (plan.rebalance !== null && isDue(now, this.#rebalancedAt, REBALANCE_MS - 100)) {
      this.#rebalancedAt = now;
      this.#sql.setRebalancedAt(now);
      await this.#rebalance(plan);
    }
  }

  async #rebalance(plan: Plan): Promise<void> {
    const { counts } = await this.#hands.recount(plan);
    const transfers = transfersFor(plan, this.#sql.origins(), counts, Date.now());
    if (transfers.length === 0) return;
    const moved = await this.#hands.moveIdle(plan, transfers);
    if (moved > 0) {
      this.#chronicle.note(Date.now(), "rebalanced", null, `${moved} idle sessions moved`);
    }
  }

  async #probeAll(plan: Plan): Promise<void> {
    const { origins, health } = plan;
    for (let from = 0; from < origins.length; from += PROBES_AT_ONCE) {
      const some = origins.slice(from, from + PROBES_AT_ONCE);
      const passes = await Promise.all(some.map((origin) => this.#hands.probe(origin, health)));
      if (!this.#hands.isInForce(plan)) return;
      const now = Date.now();
      for (const [index, { name }] of some.entries()) {
        const row = this.#sql.origin(name);
        const next = flipped(row, passes[index] === true, health, now);
        if (next.probe !== row.probe) this.#hands.save(next, next.probe, "health check");
        else this.#sql.putOrigin(next);
      }
    }
  }

  async #endDrains(plan: Plan): Promise<void> {
    const draining = this.#draining(plan);
    if (draining.length === 0) return;
    const { counts, at } = await this.#hands.recount(plan);
    const isCounted = plan.shards > 0 && Date.now() - at < 2 * DRAIN_TICK_MS;
    for (const { name } of draining) {
      const row = this.#sql.origin(name);
      const sessions = isCounted ? (counts.get(name) ?? 0) : null;
      const cause = drainEnd(row, sessions, Date.now());
      if (cause !== null) this.#hands.save({ ...row, drained: 1 }, "drain ended", cause);
    }
  }

  #draining(plan: Plan): OriginRow[] {
    return rowsOf(plan, this.#sql.origins()).filter(
      (row) => row.drain_since !== null && row.drained === 0,
    );
  }
}
