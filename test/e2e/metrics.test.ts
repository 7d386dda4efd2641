import { afterAll, beforeAll, describe, it } from "vitest";

import { parseExposition, valueOf, type Metric } from "../kit/prometheus.ts";
import { startScene, type Scene } from "./scene.ts";

let scene: Scene;

beforeAll(async () => {
  scene = await startScene({
    pool: {
      match: ["127.0.0.1/*"],
      affinity: ["cookie"],
      health: { passive: { failures: 2, eject: "1m" } },
    },
    vars: { LOG: "changes" },
  });
});
afterAll(() => scene.stop());

async function scrape(): Promise<Map<string, Metric>> {
  const answer = await scene.admin.request("/metrics");
  if (answer.status !== 200) throw new Error(`${answer.status}`);
  return parseExposition(await answer.text());
}

describe("metrics", () => {
  it("are the operator's only", async ({ expect }) => {
    const answer = await fetch(`${scene.url}/__limpet/metrics`);
    expect(answer.status).toBe(401);
    const post = await scene.admin.request("/metrics", { method: "POST" });
    expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    const { headers } = await scene.admin.request("/metrics");
    expect(headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(headers.get("cache-control")).toBe("no-store");
  });

  it("count exactly the requests that were driven", async ({ expect }) => {
    const before = await scrape();
    const clients = Array.from({ length: 9 }, () => scene.client());
    for (const client of clients) {
      for (let request = 0; request < 4; request += 1) await client.get("/cart");
    }
    const after = await scrape();
    const grown = (name: string, labels: Readonly<Record<string, string>> = {}) =>
      valueOf(after, name, labels) - valueOf(before, name, labels);
    expect(grown("limpet_requests_total")).toBe(36);
    expect(grown("limpet_requests_total", { outcome: "new" })).toBe(9);
    expect(grown("limpet_requests_total", { outcome: "hit" })).toBe(27);
    expect(grown("limpet_responses_total", { class: "2xx" })).toBe(36);
    expect(grown("limpet_request_duration_seconds_count")).toBe(36);
    expect(grown("limpet_request_duration_seconds_bucket", { le: "+Inf" })).toBe(36);
    for (const { name } of scene.origins) {
      expect(grown("limpet_requests_total", { origin: name }), name).toBe(12);
      expect(valueOf(after, "limpet_origin_up", { origin: name })).toBe(1);
    }
    expect(valueOf(after, "limpet_origin_state", { state: "active" })).toBe(3);
    expect(grown("limpet_map_calls_total")).toBeGreaterThan(0);
    expect(valueOf(after, "limpet_isolates", { pool: "default" })).toBe(1);
    expect(valueOf(after, "limpet_degraded")).toBe(0);
  });

  it("count sessions, however many requests they make", async ({ expect }) => {
    const rows = await scene.admin.sessions();
    const metrics = await scrape();
    // Counted once a minute, so those that came since may be missing.
    expect(valueOf(metrics, "limpet_sessions")).toBeLessThanOrEqual(rows.length);
    expect(metrics.get("limpet_sessions")?.samples).toHaveLength(3);
  });

  it("hold what no pool took, which leaves a line in the log", async ({ expect }) => {
    const before = await scrape();
    const answer = await fetch(scene.url.replace("127.0.0.1", "localhost"));
    expect(answer.status).toBe(404);
    const after = await scrape();
    const labels = { pool: "", code: "no_pool" };
    expect(valueOf(after, "limpet_failures_total", labels)).toBe(
      valueOf(before, "limpet_failures_total", labels) + 1,
    );
    const line = scene.router.log.split("\n").findLast((one) => one.includes('"no_pool"')) ?? "";
    expect(JSON.parse(line)).toMatchObject({
      message: "request",
      pool: null,
      failure: "no_pool",
      status: 404,
    });
  });

  it("tell failures, retries, moves and what became of the origin", async ({ expect }) => {
    const client = scene.client();
    const first = await client.get("/cart");
    const gone = scene.origins.find(({ name }) => first.json<{ origin: string }>().origin === name);
    if (gone === undefined) throw new Error("no origin");
    const before = await scrape();
    await gone.stop();
    const posted = await client.request("/cart", { method: "POST", body: "x" });
    expect(posted.status).toBe(502);
    expect((await client.get("/cart")).status).toBe(200);
    const after = await scrape();
    const grown = (name: string, labels: Readonly<Record<string, string>> = {}) =>
      valueOf(after, name, labels) - valueOf(before, name, labels);
    expect(grown("limpet_requests_total")).toBe(2);
    expect(grown("limpet_failures_total", { code: "origin_unreachable", origin: gone.name })).toBe(
      1,
    );
    expect(grown("limpet_responses_total", { class: "5xx", origin: gone.name })).toBe(1);
    expect(grown("limpet_retries_total")).toBe(1);
    expect(grown("limpet_moves_total", { from: gone.name, reason: "down" })).toBe(1);
    expect(grown("limpet_requests_total", { outcome: "moved" })).toBe(1);
    expect(valueOf(after, "limpet_origin_up", { origin: gone.name })).toBe(0);
    expect(valueOf(after, "limpet_origin_up")).toBe(2);
    const { events } = await scene.admin.get<{ events: { kind: string; cause: string }[] }>(
      "/api/events",
    );
    expect(events.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(["ejected", "sessions moved"]),
    );
    expect(events.find(({ kind }) => kind === "sessions moved")?.cause).toBe("down: 1");
  });

  it("go on where they were after a restart", async ({ expect }) => {
    const before = await scrape();
    await scene.router.restart();
    const after = await scrape();
    for (const name of ["limpet_requests_total", "limpet_request_duration_seconds_count"]) {
      expect(valueOf(after, name)).toBe(valueOf(before, name));
    }
  });
});
