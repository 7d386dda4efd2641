import { describe, it } from "vitest";

import { Batch } from "../../../src/sessions/batch.ts";

const WINDOW_MS = 20;

/** A batch that doubles numbers, and what it has been asked and what it keeps alive. */
function doubling(
  most = 500,
  answers = (questions: readonly number[]) => questions.map((n) => 2 * n),
) {
  const calls: (readonly number[])[] = [];
  const work: Promise<unknown>[] = [];
  const batch = new Batch<number, number>(async (questions) => {
    calls.push(questions);
    return answers(questions);
  }, most);
  const ask = (question: number, windowMs: number) =>
    batch.ask(question, windowMs, (one) => work.push(one));
  return { ask, batch, calls, work };
}

describe("a batch", () => {
  it("asks many questions in one call and gives each its own answer", async ({ expect }) => {
    const { ask, calls } = doubling();
    const answers = Array.from({ length: 100 }, (_, at) => ask(at, WINDOW_MS));
    expect(calls).toHaveLength(0);
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 100 }, (_, at) => 2 * at));
    expect(calls).toHaveLength(1);
  });

  it("runs in the request that began it, and in no other", async ({ expect }) => {
    const { ask, work } = doubling();
    const answers = [ask(1, WINDOW_MS), ask(2, WINDOW_MS), ask(3, WINDOW_MS)];
    expect(work).toHaveLength(1);
    await Promise.all(answers);
    await ask(4, WINDOW_MS);
    expect(work).toHaveLength(2);
  });

  it("takes along what waits when a question can't", async ({ expect }) => {
    const { ask, calls } = doubling();
    const waiting = [ask(1, 60_000), ask(2, 60_000)];
    expect(await ask(3, 0)).toBe(6);
    expect(await Promise.all(waiting)).toEqual([2, 4]);
    expect(calls).toEqual([[1, 2, 3]]);
  });

  it("puts questions of one turn of the event loop together though none may wait", async ({
    expect,
  }) => {
    const { ask, calls } = doubling();
    expect(await Promise.all([ask(1, 0), ask(2, 0), ask(3, 0)])).toEqual([2, 4, 6]);
    expect(calls).toEqual([[1, 2, 3]]);
  });

  it("splits what is too much for one call", async ({ expect }) => {
    const { ask, calls } = doubling(2);
    await Promise.all([1, 2, 3, 4, 5].map((n) => ask(n, WINDOW_MS)));
    expect(calls).toEqual([[1, 2], [3, 4], [5]]);
  });

  it("sends what waits when it is told to", async ({ expect }) => {
    const { ask, batch, calls } = doubling();
    const waiting = ask(1, 60_000);
    await batch.flush();
    expect(calls).toEqual([[1]]);
    expect(await waiting).toBe(2);
    await batch.flush();
    expect(calls).toHaveLength(1);
  });

  it("fails those whose call fails, and only those", async ({ expect }) => {
    const { ask, work } = doubling(2, (questions) => {
      if (questions.includes(1)) throw new Error("down");
      return questions.map((n) => 2 * n);
    });
    const answers = await Promise.allSettled([1, 2, 3].map((n) => ask(n, WINDOW_MS)));
    expect(answers.map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled"]);
    await expect(Promise.all(work)).resolves.toBeDefined();
    expect(await ask(4, 0)).toBe(8);
  });

  it("fails a question that gets no answer", async ({ expect }) => {
    const { ask } = doubling(500, (questions) => questions.slice(1));
    const [first, second] = await Promise.allSettled([ask(1, 0), ask(2, 0)]);
    expect(first.status).toBe("fulfilled");
    expect(second.status).toBe("rejected");
  });
});
