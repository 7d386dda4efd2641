import { afterAll, beforeAll, describe, it } from "vitest";
import type { ServletAnswer } from "../../kit/apps/tomcat.ts";
import { Client, type ClientAnswer } from "../../kit/jar.ts";
import { freshIp } from "../scene.ts";
import { inParallel, mustBe, Tally, tallyOf } from "./load.ts";
import { startStage, type Stage } from "./stage.ts";

let stage: Stage;

beforeAll(async () => {
  stage = await startStage("tomcat", {
    affinity: [
      { by: "app-cookie", name: "JSESSIONID", pin: "route" },
      { by: "path", matrix: "jsessionid", pin: "route" },
    ],
  });
});

afterAll(() => stage?.stop());

/** Follows links of the application, with cookies or, where they are off, by the rewritten URLs. */
class Browser {
  readonly #client = new Client(stage.router.url, { ip: freshIp() });
  readonly #keepsCookies: boolean;
  #link = "/app/start";
  instance = "";
  #hits = 0;

  constructor(keepsCookies: boolean) {
    this.#keepsCookies = keepsCookies;
  }

  async follow(method = "GET"): Promise<ClientAnswer> {
    const answer = await this.#client.request(this.#link, {
      method,
      headers: { "content-length": "0" },
    });
    if (!this.#keepsCookies) this.#client.forgetCookies();
    if (answer.status === 200) this.#link = answer.json<ServletAnswer>().next;
    return answer;
  }

  /** Begins a session. */
  async begin(): Promise<void> {
    const answer = await this.follow();
    mustBe("begin", answer.status, 200);
    const { instance, isNew } = answer.json<ServletAnswer>();
    mustBe("new", isNew, true);
    this.instance = instance;
    this.#hits = 1;
  }

  /** Goes on with it; throws unless the same server knows every hit before. */
  async goOn(method = "GET"): Promise<void> {
    const answer = await this.follow(method);
    mustBe("page", answer.status, 200);
    const { instance, hits } = answer.json<ServletAnswer>();
    this.#hits += 1;
    mustBe("instance", instance, this.instance);
    mustBe("hits", hits, this.#hits);
  }
}

let browsers: Browser[] = [];

describe("JSESSIONID with a jvmRoute on three instances", () => {
  it("loses no session over 1,000 operations, half of them without cookies", async ({ expect }) => {
    const tally = new Tally();
    browsers = Array.from({ length: 40 }, (_, n) => new Browser(n % 2 === 0));
    await inParallel(browsers, 12, async (browser) => {
      await tally.count(() => browser.begin());
      for (let n = 1; n < 25; n++) await tally.count(() => browser.goOn(n % 3 ? "GET" : "POST"));
    });
    expect(tally.failures).toEqual([]);
    expect(tally.operations).toBe(1000);
    const spread = tallyOf(browsers.map(({ instance }) => instance));
    expect(Object.values(spread).toSorted()).toEqual([13, 13, 14]);
  });

  it("gives the users of a killed instance a new session, and nobody else notices", async ({
    expect,
  }) => {
    const dead = stage.instance("app-3");
    const lost = browsers.filter(({ instance }) => instance === dead.name);
    const others = browsers.filter(({ instance }) => instance !== dead.name);
    const undisturbed = new Tally();
    const recovered = new Tally();
    await Promise.all([
      inParallel(others, 8, async (browser) => {
        for (let n = 0; n < 10; n++) await undisturbed.count(() => browser.goOn("POST"));
      }),
      dead.kill().then(() =>
        inParallel(lost, 4, async (browser) => {
          await recovered.count(() => browser.begin());
          for (let n = 0; n < 10; n++) await recovered.count(() => browser.goOn());
        }),
      ),
    ]);
    expect(undisturbed.failures).toEqual([]);
    expect(undisturbed.operations).toBe(others.length * 10);
    expect(recovered.failures).toEqual([]);
    expect(lost.filter(({ instance }) => instance === dead.name)).toEqual([]);
    // Their new IDs name their new homes, so the old one's return changes nothing.
    await dead.start();
    const later = new Tally();
    await inParallel(browsers, 8, (browser) => later.count(() => browser.goOn()));
    expect(later.failures).toEqual([]);
  });
});
