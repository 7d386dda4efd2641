import { describe, it, vi } from "vitest";

import { Batch } from "../../../src/sessions/batch.ts";

const WINDOW_MS = 20;

/** A batch that doubles numbers, and what it has been asked and what it keeps alive. */
function doubling(
  most = 500,
  answers = (questions: readonly number[]) => questions.map((n) => 2 * n),
) {
  const calls: (readonly number[])[] = [];
  const work: Promise<unknown>[] = [];
  const background = (one: Promise<unknown>) => void work.push(one);
  const batch = new Batch<number, number>(async (questions) => {
    calls.push(questions);
    return answers(questions);
  }, most);
  const ask = (question: number) => batch.ask(question, background);
  const answered: number[] = [];
  const later = (question: number, windowMs = WINDOW_MS) =>
    batch.later(question, windowMs, background, (answer) => answered.push(answer));
  return { ask, later, answered, batch, calls, work };
}

describe("a batch", () => {
  it("puts the questions of one turn of the event loop into one call", async ({ expect }) => {
    const { ask, calls } = doubling();
    const answers = Array.from({ length: 100 }, (_, at) => ask(at));
    expect(calls).toHaveLength(0);
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 100 }, (_, at) => 2 * at));
    expect(calls).toHaveLength(1);
  });

  it("puts what may wait into one call, in the request that began it", async ({ expect }) => {
    const { later, answered, calls, work } = doubling();
    for (const n of [1, 2, 3]) later(n);
    expect(work).toHaveLength(1);
    await Promise.all(work);
    expect(calls).toEqual([[1, 2, 3]]);
    later(4);
    expect(work).toHaveLength(2);
    await Promise.all(work);
    expect(calls).toEqual([[1, 2, 3], [4]]);
    expect(answered).toEqual([2, 4, 6, 8]);
  });

  it("waits no longer than the shortest window of those that wait", async ({ expect }) => {
    const { later, answered, work } = doubling();
    later(1, 60_000);
    later(2);
    await work[1];
    expect(answered).toEqual([2, 4]);
  });

  it("takes along what waits when a question can't", async ({ expect }) => {
    const { ask, later, answered, calls } = doubling();
    later(1, 60_000);
    later(2, 60_000);
    expect(await ask(3)).toBe(6);
    expect(calls).toEqual([[3, 1, 2]]);
    expect(answered).toEqual([2, 4]);
  });

  it("splits what is too much for one call", async ({ expect }) => {
    const { ask, calls } = doubling(2);
    await Promise.all([1, 2, 3, 4, 5].map((n) => ask(n)));
    expect(calls).toEqual([[1, 2], [3, 4], [5]]);
  });

  it("sends what waits when it is told to, and nothing twice", async ({ expect }) => {
    const { later, batch, calls, work } = doubling();
    later(1);
    await batch.flush();
    expect(calls).toEqual([[1]]);
    await batch.flush();
    await Promise.all(work);
    expect(calls).toHaveLength(1);
  });

  it("fails those whose call fails, and only those", async ({ expect }) => {
    const { ask, work } = doubling(2, (questions) => {
      if (questions.includes(1)) throw new Error("down");
      return questions.map((n) => 2 * n);
    });
    const answers = await Promise.allSettled([1, 2, 3].map((n) => ask(n)));
    expect(answers.map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled"]);
    await expect(Promise.all(work)).resolves.toBeDefined();
    expect(await ask(4)).toBe(8);
  });

  it("tells the log, and breaks no request, when what nobody waits for is lost", async ({
    expect,
  }) => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const { later, work } = doubling(500, () => {
      throw new Error("down");
    });
    later(1);
    await expect(Promise.all(work)).resolves.toBeDefined();
    expect(warn).toHaveBeenCalledOnce();
    warn.mockRestore();
  });

  it("fails a question that gets no answer", async ({ expect }) => {
    const { ask } = doubling(500, (questions) => questions.slice(1));
    const [first, second] = await Promise.allSettled([ask(1), ask(2)]);
    expect(first.status).toBe("fulfilled");
    expect(second.status).toBe("rejected");
  });
});
