import { io, type Socket } from "socket.io-client";
import { afterAll, beforeAll, describe, it } from "vitest";
import type { Tick } from "../../kit/apps/socket-io.ts";
import { freshIp } from "../scene.ts";
import { inParallel, mustBe, Tally, tallyOf } from "./load.ts";
import { startStage, type Stage } from "./stage.ts";

type Transports = ("polling" | "websocket")[];

/** A client of the SDK, and what it must hear next. */
class Talker {
  readonly socket: Socket;
  instance = "";
  transport = "";
  #n = 0;
  disconnects = 0;

  readonly #headers = { "cf-connecting-ip": freshIp() };

  constructor(url: string, transports: Transports, keepsCookies: boolean) {
    this.socket = io(url, {
      transports,
      extraHeaders: this.#headers,
      // In Node, the client's own cookie jar.
      withCredentials: keepsCookies,
      forceNew: true,
      autoConnect: false,
      reconnectionDelay: 50,
      reconnectionDelayMax: 200,
    });
    this.socket.on("disconnect", () => {
      this.disconnects += 1;
      this.#n = 0;
    });
  }

  /** Connected, and on its last transport: the handshake polls even where a WebSocket follows. */
  async connect(last: "polling" | "websocket"): Promise<void> {
    this.socket.connect();
    await this.heard("connect");
    const { engine } = this.socket.io;
    if (engine.transport.name !== last) {
      await new Promise<void>((resolve, reject) => {
        engine.once("upgrade", () => resolve());
        engine.once("upgradeError", reject);
      });
    }
    mustBe("transport", engine.transport.name, last);
  }

  /** From now on its polls come from another address, as when a phone changes networks. */
  roam(): void {
    this.#headers["cf-connecting-ip"] = freshIp();
  }

  /** Counts on the server; throws unless it is the same server, and it has heard every tick before. */
  async tick(): Promise<void> {
    const { instance, n, transport } = (await this.socket
      .timeout(10_000)
      .emitWithAck("tick")) as Tick;
    if (this.#n > 0) mustBe("instance", instance, this.instance);
    this.#n += 1;
    this.instance = instance;
    this.transport = transport;
    mustBe("ticks", n, this.#n);
  }

  /** Connected again by its own means. */
  async reconnected(): Promise<void> {
    if (!this.socket.connected) await this.heard("connect");
  }

  /** The next event of this name; throws after 10 s without it. */
  async heard(event: "connect" | "disconnect"): Promise<void> {
    let timer;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no ${event} within 10 s`)), 10_000);
    });
    await Promise.race([
      new Promise<void>((resolve) => this.socket.once(event, () => resolve())),
      late,
    ]);
    clearTimeout(timer);
  }
}

describe.for([
  ["by our cookie", ["cookie"], true],
  ["by its sid, and the address for the handshake", ["query:sid", "ip"], false],
] as const)("Socket.IO %s", ([, affinity, keepsCookies]) => {
  let stage: Stage;
  let talkers: Talker[] = [];

  beforeAll(async () => {
    stage = await startStage("socket-io", { affinity });
  });

  afterAll(async () => {
    for (const { socket } of talkers) socket.disconnect();
    await stage?.stop();
  });

  it("loses no session over 1,000 operations, half of them polling", async ({ expect }) => {
    const tally = new Tally();
    talkers = Array.from({ length: 40 }, (_, n) => {
      const transports: Transports = n % 2 ? ["polling"] : ["polling", "websocket"];
      return new Talker(stage.router.url, transports, keepsCookies);
    });
    const clients = talkers.map((talker, n) => ({ talker, isPolling: n % 2 === 1 }));
    await inParallel(clients, 10, async ({ talker, isPolling }) => {
      await tally.count(() => talker.connect(isPolling ? "polling" : "websocket"));
      for (let n = 0; n < 24; n++) {
        if (n % 8 === 4) talker.roam();
        await tally.count(() => talker.tick());
      }
    });
    expect(tally.failures).toEqual([]);
    expect(tally.operations).toBe(1000);
    expect(tallyOf(talkers.map(({ transport }) => transport))).toEqual({
      polling: 20,
      websocket: 20,
    });
    const spread = tallyOf(talkers.map(({ instance }) => instance));
    expect(Object.values(spread).toSorted()).toEqual([13, 13, 14]);
    expect(talkers.filter(({ disconnects }) => disconnects > 0)).toEqual([]);
  });

  it("reconnects the clients of a killed instance elsewhere, and nobody else notices", async ({
    expect,
  }) => {
    const dead = stage.instance("app-2");
    const lost = talkers.filter(({ instance }) => instance === dead.name);
    const others = talkers.filter(({ instance }) => instance !== dead.name);
    const undisturbed = new Tally();
    const recovered = new Tally();
    await Promise.all([
      inParallel(others, 8, async (talker) => {
        for (let n = 0; n < 10; n++) await undisturbed.count(() => talker.tick());
      }),
      dead.kill().then(() =>
        inParallel(lost, lost.length, async (talker) => {
          // A WebSocket breaks at once, a poll that was under way comes back as an error.
          if (talker.disconnects === 0) await talker.heard("disconnect");
          await talker.reconnected();
          for (let n = 0; n < 10; n++) await recovered.count(() => talker.tick());
        }),
      ),
    ]);
    expect(undisturbed.failures).toEqual([]);
    expect(undisturbed.operations).toBe(others.length * 10);
    expect(others.filter(({ disconnects }) => disconnects > 0)).toEqual([]);
    expect(recovered.failures).toEqual([]);
    expect(recovered.operations).toBe(lost.length * 10);
    expect(lost.filter(({ instance }) => instance === dead.name)).toEqual([]);
  });
});
