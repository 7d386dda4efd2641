import type { Background } from "../model.ts";
import { warn } from "../shared/warn.ts";
import type { Fresh } from "./protocol.ts";

/** Sends the rows of new sessions to their shard. */
type Send = (shard: number, rows: readonly Fresh[]) => Promise<void>;

/**
 * The rows of new sessions, which nobody waits for: gathered for a window, then sent, one call for each
 * shard. Whoever opens a window leads it: the calls run in that request, kept alive by `background`.
 */
export class Recorder {
  readonly #send: Send;
  readonly #most: number;
  #waiting = new Map<number, Fresh[]>();
  /** When the window that is open will close; 0 if none is. */
  #due = 0;

  /** `most` rows go into one call. */
  constructor(send: Send, most: number) {
    this.#send = send;
    this.#most = most;
  }

  add(shard: number, row: Fresh, windowMs: number, background: Background): void {
    const rows = this.#waiting.get(shard);
    if (rows === undefined) this.#waiting.set(shard, [row]);
    else rows.push(row);
    // A leader that was cancelled leaves a window that is over: the next row opens another.
    const now = Date.now();
    if (this.#due > now) return;
    this.#due = now + windowMs;
    background(scheduler.wait(windowMs).then(() => this.flush()));
  }

  /** Sends what waits, now. Resolves when it is stored, or has failed. */
  async flush(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    this.#due = 0;
    await Promise.all([...waiting].map(([shard, rows]) => this.#sendAll(shard, rows)));
  }

  async #sendAll(shard: number, rows: readonly Fresh[]): Promise<void> {
    try {
      for (let from = 0; from < rows.length; from += this.#most) {
        await this.#send(shard, rows.slice(from, from + this.#most));
      }
    } catch (error) {
      warn("sessions not recorded", { sessions: rows.length }, error);
    }
  }
}
