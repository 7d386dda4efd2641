import { Client } from "../test/kit/jar.ts";
import type { Traffic } from "./variants.ts";

const parallel = 16;

/** The clients of one contender, each with its own cookies. */
export class Visitors {
  readonly #traffic: Traffic;
  readonly #clients: readonly Client[];

  constructor(url: string, traffic: Traffic) {
    this.#traffic = traffic;
    this.#clients = Array.from(
      { length: traffic.visitors },
      (_, visitor) => new Client(url, { headers: traffic.headersOf(visitor) }),
    );
  }

  /** One real request each: new ones get their cookie, known ones take a renewed one. */
  async visit(): Promise<void> {
    const waiting = [...this.#clients];
    const lane = async (): Promise<void> => {
      for (let client = waiting.pop(); client; client = waiting.pop()) {
        const { path, firstPath = path } = this.#traffic;
        const isNew = client.cookieHeader === "";
        const { status, text } = await client.get(isNew ? firstPath : "/");
        if (status !== 200) throw new Error(`a visitor got ${status}: ${text}`);
      }
    };
    await Promise.all(Array.from({ length: parallel }, lane));
  }

  /** The headers they send from now on. */
  get headers(): Readonly<Record<string, string>>[] {
    if (this.#clients.length === 0) return [this.#traffic.headersOf(0)];
    return this.#clients.map((client, visitor) => {
      const { cookie: others, ...headers } = this.#traffic.headersOf(visitor);
      const cookie = [others, client.cookieHeader].filter(Boolean).join("; ");
      return { ...headers, ...(cookie === "" ? {} : { cookie }) };
    });
  }
}
