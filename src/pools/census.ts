import { warn } from "../shared/warn.ts";
import type { Plan } from "./control.ts";
import { isDue } from "./schedule.ts";

const AGE_MS = 2_000;

/** The pool's live sessions by origin, as they were counted last. In memory only. */
export class Census {
  readonly #count: (plan: Plan) => Promise<ReadonlyMap<string, number>>;
  #isCounting = false;
  counts: ReadonlyMap<string, number> = new Map();
  /** ms since the epoch; 0: never. */
  at = 0;

  constructor(count: (plan: Plan) => Promise<ReadonlyMap<string, number>>) {
    this.#count = count;
  }

  /** Counts again unless that was done just now; whether it has. Never throws. */
  async take(plan: Plan): Promise<boolean> {
    const now = Date.now();
    if (plan.shards === 0 || this.#isCounting || !isDue(now, this.at, AGE_MS)) return false;
    this.#isCounting = true;
    try {
      this.counts = await this.#count(plan);
      this.at = now;
      return true;
    } catch (error) {
      warn("sessions not counted", { pool: plan.pool }, error);
      return false;
    } finally {
      this.#isCounting = false;
    }
  }
}
