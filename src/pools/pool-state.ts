import { DurableObject } from "cloudflare:workers";

import { statements, type Statements } from "./statements.ts";
import type { Control, PoolView } from "./view.ts";

/** Beyond this many recalled sessions, isolates ask the map about all of them. */
const RECALLED_MOST = 1_000;

/** One pool's control plane: what operators did, and what every isolate must know of it. */
export class PoolState extends DurableObject implements Control {
  readonly #sql: Statements;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql = statements(ctx.storage.sql);
  }

  async view(known: number): Promise<PoolView | null> {
    if (this.#sql.dropRecalledUpTo(Date.now()) > 0) this.#sql.bump();
    const { version, ask_before: askBefore } = this.#sql.control();
    if (version === known) return null;
    const origins = this.#sql.origins();
    const recalled = this.#sql.recalled().map(({ id }) => id);
    return { version, origins, recalled, askBefore };
  }

  async recall(ids: readonly string[], leaseMs: number): Promise<void> {
    const now = Date.now();
    for (const id of ids) this.#sql.recall(id, now + leaseMs);
    if (this.#sql.recalled().length > RECALLED_MOST) this.#sql.recallAllBefore(now);
    this.#sql.bump();
  }
}
