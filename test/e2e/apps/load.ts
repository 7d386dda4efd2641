/** What went well and what did not, over many clients at once. */
export class Tally {
  operations = 0;
  readonly failures: string[] = [];

  /** Runs one operation; what it throws is a failure, not the end. */
  async count(operation: () => Promise<void>): Promise<void> {
    this.operations += 1;
    try {
      await operation();
    } catch (error) {
      this.failures.push(error instanceof Error ? error.message : String(error));
    }
  }
}

/** Works on all items, at most `width` at a time, so that two busy cores bear it. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/** Throws when two values differ: for use outside of `expect`, where failures are counted. */
export function mustBe(what: string, is: unknown, wanted: unknown): void {
  if (is !== wanted) throw new Error(`${what}: ${String(is)}, and not ${String(wanted)}`);
}

/** How many there are of each. */
export function tallyOf(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
