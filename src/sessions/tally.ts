/** What a row counts under; origin null: released. */
export interface Kind {
  readonly origin: string | null;
  readonly by: string;
}

/**
 * How many rows a shard holds by origin and rule, those that have ended but were not swept included.
 * Pure memory: read back from storage when the object wakes up, then kept in step with every write.
 */
export class Tally {
  readonly #rows = new Map<string | null, Map<string, number>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add({ origin, by }: Kind, rows = 1): void {
    const ofOrigin = this.#rows.get(origin) ?? new Map<string, number>();
    const left = (ofOrigin.get(by) ?? 0) + rows;
    if (left === 0) ofOrigin.delete(by);
    else ofOrigin.set(by, left);
    if (ofOrigin.size === 0) this.#rows.delete(origin);
    else this.#rows.set(origin, ofOrigin);
    this.#size += rows;
  }

  remove(kinds: readonly Kind[]): void {
    for (const kind of kinds) this.add(kind, -1);
  }

  /** Origins that have rows, released ones apart. */
  origins(): string[] {
    return [...this.#rows.keys()].filter((origin) => origin !== null);
  }

  of(origin: string, by: string | null = null): number {
    const ofOrigin = this.#rows.get(origin);
    if (by !== null) return ofOrigin?.get(by) ?? 0;
    return ofOrigin?.values().reduce((sum, rows) => sum + rows, 0) ?? 0;
  }
}
