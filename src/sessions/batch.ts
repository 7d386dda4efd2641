import type { Background } from "../model.ts";

interface Waiting<Q, A> {
  readonly question: Q;
  readonly resolve: (answer: A) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Many questions, one call. The first question of a batch starts a window and becomes its leader:
 * the call runs in the leader's request, which `background` keeps alive; the others wait for it.
 * An "at once" question takes along everything that was waiting.
 */
export class Batch<Q, A> {
  readonly #call: (questions: readonly Q[]) => Promise<readonly A[]>;
  readonly #most: number;
  #waiting: Waiting<Q, A>[] = [];

  constructor(call: (questions: readonly Q[]) => Promise<readonly A[]>, most: number) {
    this.#call = call;
    this.#most = most;
  }

  ask(question: Q, windowMs: number, background: Background): Promise<A> {
    const { promise, resolve, reject } = Promise.withResolvers<A>();
    this.#waiting.push({ question, resolve, reject });
    if (this.#waiting.length === 1 || windowMs === 0) background(this.#lead(windowMs));
    return promise;
  }

  /** Sends what waits, now. Resolves when it has been answered, or has failed. */
  async flush(): Promise<void> {
    const taken = this.#waiting;
    this.#waiting = [];
    for (let from = 0; from < taken.length; from += this.#most) {
      await this.#send(taken.slice(from, from + this.#most));
    }
  }

  async #lead(windowMs: number): Promise<void> {
    if (windowMs > 0) await scheduler.wait(windowMs);
    // Even without a window, everything that asks in this turn of the event loop rides along.
    else await Promise.resolve();
    await this.flush();
  }

  async #send(batch: readonly Waiting<Q, A>[]): Promise<void> {
    try {
      const answers = await this.#call(batch.map(({ question }) => question));
      batch.forEach(({ resolve, reject }, index) => {
        const answer = answers[index];
        if (answer === undefined) reject(new Error("no answer for a question"));
        else resolve(answer);
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
