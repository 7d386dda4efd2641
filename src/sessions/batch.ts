import { warn } from "../shared/warn.ts";
import type { Background } from "../model.ts";

interface Waiting<Q, A> {
  readonly question: Q;
  readonly resolve: (answer: A) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Many questions, one call. Whoever opens a window becomes the leader of what gathers in it: the call
 * runs in the leader's request, which `background` keeps alive. A question at once, or one with a
 * shorter window, takes along everything that was waiting.
 */
export class Batch<Q, A> {
  readonly #call: (questions: readonly Q[]) => Promise<readonly A[]>;
  readonly #most: number;
  /** Somebody waits for these. */
  #urgent: Waiting<Q, A>[] = [];
  #waiting: Waiting<Q, A>[] = [];
  /** When the window that is open will close; Infinity if none is. */
  #due = Infinity;

  constructor(call: (questions: readonly Q[]) => Promise<readonly A[]>, most: number) {
    this.#call = call;
    this.#most = most;
  }

  /** Asks within this turn of the event loop, together with everything that waits. */
  ask(question: Q, background: Background): Promise<A> {
    const { promise, resolve, reject } = Promise.withResolvers<A>();
    this.#urgent.push({ question, resolve, reject });
    background(Promise.resolve().then(() => this.flush()));
    return promise;
  }

  /** Asks within the window; a failure is logged. */
  later(question: Q, windowMs: number, background: Background, resolve: (answer: A) => void): void {
    this.#waiting.push({ question, resolve, reject: notRenewed });
    const due = Date.now() + windowMs;
    if (due >= this.#due && this.#due > Date.now()) return;
    this.#due = due;
    background(scheduler.wait(windowMs).then(() => this.flush()));
  }

  /** Sends what waits, now. Resolves when it has been answered, or has failed. */
  async flush(): Promise<void> {
    const taken = [...this.#urgent, ...this.#waiting];
    this.#due = Infinity;
    this.#urgent = [];
    this.#waiting = [];
    for (let from = 0; from < taken.length; from += this.#most) {
      await this.#send(taken.slice(from, from + this.#most));
    }
  }

  async #send(batch: readonly Waiting<Q, A>[]): Promise<void> {
    try {
      const answers = await this.#call(batch.map(({ question }) => question));
      for (const [index, { resolve, reject }] of batch.entries()) {
        const answer = answers[index];
        if (answer === undefined) reject(new Error("no answer for a question"));
        else resolve(answer);
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}

function notRenewed(error: unknown): void {
  warn("session not renewed", {}, error);
}
