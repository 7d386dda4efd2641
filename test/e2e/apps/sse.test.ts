import { setTimeout as sleep } from "node:timers/promises";
import { EventSource } from "eventsource";
import { afterAll, beforeAll, describe, it } from "vitest";
import type { FeedEvent } from "../../kit/apps/sse.ts";
import { freshIp } from "../scene.ts";
import { inParallel, mustBe, Tally, tallyOf } from "./load.ts";
import { startStage, type Stage } from "./stage.ts";

const eventsPerStream = 3;

let stage: Stage;
const readers: Reader[] = [];

beforeAll(async () => {
  stage = await startStage("sse", { affinity: ["cookie"] });
});

afterAll(async () => {
  for (const reader of readers) reader.close();
  await stage?.stop();
});

/**
 * An EventSource that keeps cookies, as a browser's does. It reconnects by itself, with Last-Event-ID;
 * each connection waits until the test lets it go, so that none is made behind its back.
 */
class Reader {
  readonly #source: EventSource;
  readonly #arrived: FeedEvent[] = [];
  #next = 1;
  #cookie = "";
  #isRefused = false;
  #wake = (): void => undefined;
  #connect = (): void => undefined;
  #mayConnect = new Promise<void>((resolve) => (this.#connect = resolve));
  instance = "";

  constructor(query: string) {
    readers.push(this);
    const ip = freshIp();
    this.#source = new EventSource(`${stage.router.url}/?user=${readers.length}&${query}`, {
      fetch: async (url, init) => {
        await this.#mayConnect;
        this.#mayConnect = new Promise((resolve) => (this.#connect = resolve));
        const headers = { ...init.headers, "cf-connecting-ip": ip, cookie: this.#cookie };
        const response = await fetch(url, { ...init, headers } as RequestInit);
        for (const line of response.headers.getSetCookie()) {
          this.#cookie = line.split(";", 1)[0] ?? "";
        }
        return response;
      },
    });
    this.#source.addEventListener("message", ({ data }) => {
      this.#arrived.push(JSON.parse(String(data)) as FeedEvent);
      this.#wake();
    });
    // Between two streams it is connecting; closed means that an answer was no event stream.
    this.#source.addEventListener("error", () => {
      this.#isRefused = this.#source.readyState === EventSource.CLOSED;
      this.#wake();
    });
  }

  /** Lets the next connection be made. */
  connect(): void {
    this.#connect();
  }

  /** The next event; throws when the stream was refused, or none comes within 10 s. */
  async next(): Promise<FeedEvent> {
    const deadline = Date.now() + 10_000;
    for (;;) {
      const event = this.#arrived.shift();
      if (event) return event;
      if (this.#isRefused) throw new Error("the stream was refused");
      if (Date.now() > deadline) throw new Error("no event within 10 s");
      await Promise.race([new Promise<void>((resolve) => (this.#wake = resolve)), sleep(200)]);
    }
  }

  /** Reads events; throws at one that is missing, double or from another instance. */
  async read(count: number): Promise<void> {
    for (let left = count; left > 0; left -= 1) {
      const { instance, n } = await this.next();
      this.instance ||= instance;
      mustBe("instance", instance, this.instance);
      mustBe("event", n, this.#next);
      this.#next += 1;
    }
  }

  /** One stream from its connection to its end. */
  async stream(): Promise<void> {
    this.connect();
    await this.read(eventsPerStream);
  }

  /** From now on another instance's feed is right, from its beginning. */
  beginAnew(): void {
    this.#next = 1;
    this.instance = "";
  }

  /** Drops what has arrived, and forgets who sent it. */
  async readUntilMoved(): Promise<void> {
    let event = await this.next();
    while (event.instance === this.instance) event = await this.next();
    mustBe("first event of the new feed", event.n, 1);
    this.instance = event.instance;
    this.#next = 2;
  }

  close(): void {
    this.#source.close();
    this.#connect();
  }
}

let followers: Reader[] = [];

describe("server-sent events on three instances", () => {
  it("resumes 1,000 streams where they stopped, each on its own instance", async ({ expect }) => {
    const tally = new Tally();
    followers = Array.from({ length: 40 }, () => new Reader(`events=${eventsPerStream}`));
    await inParallel(followers, 16, async (reader) => {
      for (let n = 0; n < 25; n++) await tally.count(() => reader.stream());
    });
    expect(tally.failures).toEqual([]);
    expect(tally.operations).toBe(1000);
    const spread = tallyOf(followers.map(({ instance }) => instance));
    expect(Object.values(spread).toSorted()).toEqual([13, 13, 14]);
  });

  it("reconnects the readers of a killed instance elsewhere, and nobody else notices", async ({
    expect,
  }) => {
    const open = Array.from({ length: 9 }, () => new Reader("open"));
    await inParallel(open, 9, async (reader) => {
      reader.connect();
      await reader.read(3);
    });
    const dead = stage.instance("app-1");
    const isOnDead = ({ instance }: Reader): boolean => instance === dead.name;
    const others = followers.filter((reader) => !isOnDead(reader));
    const lost = followers.filter(isOnDead);
    const openOthers = open.filter((reader) => !isOnDead(reader));
    const openLost = open.filter(isOnDead);
    expect([openOthers.length, openLost.length]).toEqual([6, 3]);
    const undisturbed = new Tally();
    const recovered = new Tally();
    await Promise.all([
      inParallel(others, 8, async (reader) => {
        for (let n = 0; n < 5; n++) await undisturbed.count(() => reader.stream());
      }),
      // Streams that are open all the while neither break nor skip an event.
      inParallel(openOthers, 6, (reader) => undisturbed.count(() => reader.read(50))),
      dead.kill().then(async () => {
        await inParallel(lost, 4, async (reader) => {
          reader.beginAnew();
          for (let n = 0; n < 5; n++) await recovered.count(() => reader.stream());
        });
        await inParallel(openLost, 3, (reader) =>
          recovered.count(async () => {
            reader.connect();
            await reader.readUntilMoved();
            await reader.read(10);
          }),
        );
      }),
    ]);
    expect(undisturbed.failures).toEqual([]);
    expect(undisturbed.operations).toBe(others.length * 5 + 6);
    expect(recovered.failures).toEqual([]);
    expect(recovered.operations).toBe(lost.length * 5 + 3);
    expect([...lost, ...openLost].filter(isOnDead)).toEqual([]);
  });
});
