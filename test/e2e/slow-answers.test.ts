import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, test } from "vitest";
import { rawRequest, startScene, type Scene } from "./scene.ts";

/** Long enough for requests to be watched together, not each by a timer of its own. */
const TIMEOUT_MS = 3_000;
/** On a busy machine. */
const LATE_MS = 3_000;

let scene: Scene;

beforeAll(async () => {
  scene = await startScene({
    names: ["app-1"],
    pool: {
      failover: { timeout: `${TIMEOUT_MS}ms`, retries: 0 },
      health: { passive: { failures: 1000 } },
    },
  });
});

afterEach(() => scene.origins[0]?.heal());
afterAll(() => scene.stop());

/** How it was answered, and after how long. */
async function timed(path = "/") {
  const began = Date.now();
  const { status } = await rawRequest(scene.url, `GET ${path}`);
  return { status, ms: Date.now() - began };
}

describe("an origin that does not answer", () => {
  test("costs each of many parallel requests the time that is configured", async ({ expect }) => {
    await scene.origins[0]?.fail({ mode: "hang" });
    const waits = Array.from({ length: 20 }, async (_, index) => {
      await sleep(index * 100);
      return timed();
    });
    for (const { status, ms } of await Promise.all(waits)) {
      expect(status).toBe(504);
      expect(ms).toBeGreaterThanOrEqual(TIMEOUT_MS - 50);
      expect(ms).toBeLessThan(TIMEOUT_MS + LATE_MS);
    }
  }, 30_000);

  test("is given up also when the request that came before it is long over", async ({ expect }) => {
    expect((await timed()).status).toBe(200);
    await scene.origins[0]?.fail({ mode: "hang" });
    const { status, ms } = await timed();
    expect(status).toBe(504);
    expect(ms).toBeGreaterThanOrEqual(TIMEOUT_MS - 50);
    expect(ms).toBeLessThan(TIMEOUT_MS + LATE_MS);
  });

  test("is given up also when the client before it went away", async ({ expect }) => {
    // The watch of the last test is over.
    await sleep(1_500);
    await scene.origins[0]?.fail({ mode: "hang" });
    const leaving = new AbortController();
    const gone = fetch(scene.url, { signal: leaving.signal }).catch(() => "gone");
    await sleep(100);
    const waiting = timed();
    await sleep(100);
    leaving.abort();
    expect(await gone).toBe("gone");
    const { status, ms } = await waiting;
    expect(status).toBe(504);
    expect(ms).toBeLessThan(TIMEOUT_MS + LATE_MS);
  });
});

test("an answer slower than the watch, but in time, arrives", async ({ expect }) => {
  await scene.origins[0]?.fail({ mode: "slow-headers", ms: 2_200 });
  const { status, ms } = await timed();
  expect(status).toBe(200);
  expect(ms).toBeGreaterThanOrEqual(2_150);
});
