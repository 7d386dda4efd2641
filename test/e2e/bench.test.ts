import { describe, it } from "vitest";

import { barChart, lineChart } from "../../bench/chart.ts";
import { replaceSection, table } from "../../bench/document.ts";
import { processorSeconds, ticksOf } from "../../bench/processor-time.ts";
import { batchedCalls } from "../../bench/simulation/load.ts";
import { placesOf, spread } from "../../bench/simulation/balance.ts";
import { viewAges } from "../../bench/simulation/staleness.ts";
import { partOf } from "../../bench/size.ts";
import { median, ratioOf, type Shot } from "../../bench/statistics.ts";

const shot = (requests: number): Shot => ({
  requests,
  seconds: 1,
  p50Ms: 1,
  p99Ms: 2,
  errors: 0,
  cpuMicros: null,
});

describe("the bench's own arithmetic", () => {
  it("takes ratios inside each round, and the median of them", ({ expect }) => {
    const of = [90, 40, 80].map(shot);
    const against = [100, 50, 100].map(shot);
    const ratio = ratioOf(({ requests }) => requests, of, against);
    expect(ratio).toEqual({ median: 0.8, least: 0.8, most: 0.9 });
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  it("reads a process's ticks whatever its name is", ({ expect }) => {
    const stat = "42 (a) b (c)) S 1 42 42 0 -1 4194560 1 0 0 0 17 25 0 0 20 0 1 0 7";
    expect(ticksOf(stat)).toBe(42);
  });

  it.runIf(process.platform === "linux")("sees its own processor time grow", ({ expect }) => {
    const before = processorSeconds(process.pid) ?? 0;
    const end = Date.now() + 100;
    while (Date.now() < end);
    expect(processorSeconds(process.pid)).toBeGreaterThan(before);
  });

  it("knows packages and folders by their paths", ({ expect }) => {
    expect(partOf("node_modules/hono/dist/hono.js")).toBe("hono");
    expect(partOf("node_modules/a/node_modules/@b/c/index.js")).toBe("@b/c");
    expect(partOf("src/admin/dashboard/page.tsx")).toBe("src/admin");
    expect(partOf("src/route.ts")).toBe("src");
  });

  it("batches few arrivals hardly, and many into one call a window", ({ expect }) => {
    expect(batchedCalls(0, 20)).toBe(0);
    expect(batchedCalls(0.001, 0.5)).toBeCloseTo(0.001, 5);
    expect(batchedCalls(1_000, 20)).toBeCloseTo(1 / 20, 4);
  });

  it("simulates the same in every run", ({ expect }) => {
    const run = () => [...spread("least-sessions", placesOf(3), 300, 7)];
    expect(run()).toEqual(run());
    expect(run().reduce((sum, [, sessions]) => sum + sessions, 0)).toBe(300);
    expect(viewAges(100, 5_000, 1)).toEqual(viewAges(100, 5_000, 1));
    expect(viewAges(0.01, 5_000, 1).most).toBeLessThanOrEqual(30);
  });
});

describe("what the bench writes", () => {
  const page = "# A\n<!-- generated: x, by y -->\nold\n<!-- end: x -->\nafter";

  it("replaces a section and nothing else", ({ expect }) => {
    const once = replaceSection(page, "x", "new");
    expect(once).toBe("# A\n<!-- generated: x, by y -->\n\nnew\n\n<!-- end: x -->\nafter");
    expect(replaceSection(once, "x", "new")).toBe(once);
    expect(() => replaceSection(page, "z", "new")).toThrow("no section z");
  });

  it("makes tables and figures of any text", ({ expect }) => {
    expect(
      table([
        ["a", "b"],
        [1, "c"],
      ]),
    ).toBe("| a | b |\n| --- | --- |\n| 1 | c |");
    const bars = barChart('<"&">', [{ label: "a<b", value: 2, text: "2" }], 3);
    expect(bars).toContain("a&lt;b");
    expect(bars).not.toContain("NaN");
    const lines = lineChart("t", { x: "x", y: "y" }, [
      {
        label: "l",
        points: [
          [1, 10],
          [1e6, 0.1],
        ],
      },
    ]);
    expect(lines).not.toContain("NaN");
  });
});
