import { afterEach, describe, it } from "vitest";
import type { Fault } from "../kit/origins.ts";
import { headerOf } from "../kit/raw-http.ts";
import { clientOn, startScene, stopScenes, visit, visitsOf, type Scene } from "./failover-scene.ts";

afterEach(stopScenes);

const names = ["a", "b", "c"];

/** Nobody is ejected: that all fail shows with every request anew. */
function scene(): Promise<Scene> {
  return startScene({
    origins: { a: {}, b: {}, c: {} },
    pool: {
      failover: { retries: 2, timeout: "400ms" },
      health: { passive: { failures: 1000 } },
    },
  });
}

describe("when all origins fail", () => {
  it.for<[Fault, number]>([
    [{ mode: "status", status: 503 }, 503],
    [{ mode: "refuse" }, 502],
    [{ mode: "hang" }, 504],
  ])(
    "by %o, the session stays where it is, and its client is told so",
    async ([fault, status], { expect }) => {
      const router = await scene();
      const client = await clientOn(router, "b");
      const cookie = client.cookieHeader;
      const before = names.map((name) => visitsOf(router.origin(name)));
      for (const name of names) await router.origin(name).fail(fault);
      for (let n = 0; n < 2; n++) {
        const answer = await client.get("/");
        expect(answer.status).toBe(status);
        expect(headerOf(answer, "affinity-status")).toBe('limpet; hit; rule=cookie; origin="b"');
        expect(answer.setCookies).toEqual([]);
      }
      if (fault.mode === "status") {
        // Twice three attempts.
        const tried = names.map((name, at) => visitsOf(router.origin(name)) - (before[at] ?? 0));
        expect(tried).toEqual([2, 2, 2]);
      }
      expect(client.cookieHeader).toBe(cookie);
      for (const name of names) await router.origin(name).heal();
      expect(await visit(client)).toBe("b");
    },
  );

  it("the answer is that of the last origin, with the app's own cookies", async ({ expect }) => {
    const router = await scene();
    const client = await clientOn(router, "b");
    const answer = await client.get("/status/503?cookie=theme%3Ddark");
    expect([answer.status, answer.text]).not.toEqual([503, "b"]);
    expect(answer.setCookies).toEqual(["theme=dark"]);
    expect(headerOf(answer, "affinity-status")).toBe('limpet; hit; rule=cookie; origin="b"');
  });
});
