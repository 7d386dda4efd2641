import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { afterAll, beforeAll, describe, it } from "vitest";
import { freshIp } from "../scene.ts";
import { inParallel, mustBe, Tally, tallyOf } from "./load.ts";
import { startStage, type Stage } from "./stage.ts";

let stage: Stage;
let users: User[] = [];

beforeAll(async () => {
  stage = await startStage("mcp", {
    affinity: [{ by: "header", name: "Mcp-Session-Id", pin: "map", learn: "response" }],
    failover: { on_lost: "refuse", refuse_status: 404 },
  });
});

afterAll(async () => {
  await Promise.all(users.map((user) => user.close()));
  await stage?.stop();
});

/** A client of the SDK: an MCP session, and what its server must count next. */
class User {
  #client = new Client({ name: "test", version: "1.0.0" });
  /** What the transport complained of, its stream for the server's messages included. */
  readonly errors: string[] = [];
  instance = "";
  #calls = 0;

  /** A new session. */
  async connect(): Promise<void> {
    await this.close();
    this.#client = new Client({ name: "test", version: "1.0.0" });
    // No EventTarget: this is the SDK's one way to hear of errors.
    // oxlint-disable-next-line unicorn/prefer-add-event-listener
    this.#client.onerror = (error) => void this.errors.push(error.message);
    const transport = new StreamableHTTPClientTransport(new URL("/mcp", stage.router.url), {
      requestInit: { headers: { "cf-connecting-ip": freshIp() } },
    });
    await this.#client.connect(transport as Parameters<Client["connect"]>[0]);
    this.instance = "";
    this.#calls = 0;
  }

  /** Throws unless the same server has counted every call before. */
  async call(): Promise<void> {
    const { content } = await this.#client.callTool({ name: "count" });
    const [instance = "", count] = (content as { text: string }[])[0]?.text.split(" ") ?? [];
    this.instance ||= instance;
    mustBe("instance", instance, this.instance);
    this.#calls += 1;
    mustBe("calls", Number(count), this.#calls);
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}

describe("an MCP server on three instances, with the protocol's own SDK", () => {
  it("loses no session over 1,000 operations of 40 clients", async ({ expect }) => {
    const tally = new Tally();
    users = Array.from({ length: 40 }, () => new User());
    await inParallel(users, 10, async (user) => {
      await tally.count(() => user.connect());
      for (let n = 0; n < 24; n++) await tally.count(() => user.call());
    });
    expect(tally.failures).toEqual([]);
    expect(tally.operations).toBe(1000);
    const spread = tallyOf(users.map(({ instance }) => instance));
    expect(Object.values(spread).toSorted()).toEqual([13, 13, 14]);
    expect(users.flatMap(({ errors }) => errors)).toEqual([]);
  });

  it("tells the clients of a killed instance 404, lets them begin anew, and disturbs nobody else", async ({
    expect,
  }) => {
    const dead = stage.instance("app-2");
    const lost = users.filter(({ instance }) => instance === dead.name);
    const others = users.filter(({ instance }) => instance !== dead.name);
    const undisturbed = new Tally();
    const refused: unknown[] = [];
    const recovered = new Tally();
    await Promise.all([
      inParallel(others, 8, async (user) => {
        for (let n = 0; n < 8; n++) await undisturbed.count(() => user.call());
      }),
      dead.kill().then(async () => {
        await inParallel(lost, 4, async (user) => {
          await user.call().catch((error: { code?: unknown }) => refused.push(error.code));
        });
        await inParallel(lost, 4, async (user) => {
          await recovered.count(() => user.connect());
          for (let n = 0; n < 8; n++) await recovered.count(() => user.call());
        });
      }),
    ]);
    expect(refused).toEqual(lost.map(() => 404));
    expect(recovered.failures).toEqual([]);
    expect(lost.filter(({ instance }) => instance === dead.name)).toEqual([]);
    expect(undisturbed.failures).toEqual([]);
    expect(undisturbed.operations).toBe(others.length * 8);
    expect(others.flatMap(({ errors }) => errors)).toEqual([]);
  });
});
