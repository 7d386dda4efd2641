import type { Chronicle } from "./chronicle.ts";
import type { Plan } from "./control.ts";
import { describePlans, rotationOf } from "./plan-rows.ts";
import type { Statements } from "./statements.ts";

/** A configuration is in force while an isolate with it has asked within this time. */
const IN_FORCE_MS = 60_000;

/**
 * Which configuration the control object works by. During a gradual deployment two are alive at once:
 * the later one wins, and an earlier one counts again only when nobody asks with the later one any
 * more, as after a rollback.
 */
export class Tenure {
  readonly #sql: Statements;
  readonly #chronicle: Chronicle;
  #plan: Plan | null;
  /** When an isolate with this plan asked last; ms since the epoch. */
  #askedAt: number;
  #isTold = false;

  constructor(sql: Statements, chronicle: Chronicle, now: number) {
    this.#sql = sql;
    this.#chronicle = chronicle;
    const { plan } = sql.control();
    this.#plan = plan === null ? null : (JSON.parse(plan) as Plan);
    this.#askedAt = now;
  }

  get plan(): Plan | null {
    return this.#plan;
  }

  /** Whether an isolate with this configuration should bring it along. */
  wants(digest: string, now: number): boolean {
    if (this.#plan === null) return true;
    if (digest === this.#plan.digest) {
      this.#askedAt = now;
      return false;
    }
    if (!this.#sql.isRetired(digest) || now - this.#askedAt >= IN_FORCE_MS) return true;
    if (!this.#isTold) {
      const cause = "an earlier one is still in use; the later one counts";
      this.#chronicle.note(now, "two configurations", null, cause);
      this.#isTold = true;
    }
    return false;
  }

  adopt(plan: Plan, now: number): void {
    const before = this.#plan;
    if (before !== null) {
      this.#sql.retire(before.digest, now);
      const rotation = rotationOf(before, plan);
      if (rotation !== null) this.#chronicle.note(now, "secret rotated", null, rotation);
      const change = describePlans(before, plan);
      if (change !== null) this.#chronicle.note(now, "configuration changed", null, change);
    }
    this.#plan = plan;
    this.#askedAt = now;
    this.#isTold = false;
    this.#sql.setPlan(JSON.stringify(plan));
  }
}
