import { describe, it } from "vitest";

import { healthWatch } from "../../../src/assembly/health-watch.ts";
import type { Control } from "../../../src/pools/control.ts";
import type { Viewer } from "../../../src/pools/view.ts";
import { makePool } from "../fixtures.ts";
import { rowOf, viewOf } from "../pools/fixtures.ts";

/** A watch over two origins, with the rows that the shared view holds and what was reported. */
function watching(rows: Parameters<typeof rowOf>[] = [], isTaken = true) {
  const reports: string[] = [];
  const control = {
    report: async (origin: string) => {
      reports.push(origin);
      return isTaken;
    },
  } as unknown as Control;
  const view = viewOf({ origins: rows.map((row) => rowOf(...row)) });
  const viewer = { view: () => view } as unknown as Viewer;
  const pool = makePool({ health: { passive: { failures: 1 } } });
  const watch = healthWatch(
    pool,
    () => control,
    () => viewer,
  );
  const work: Promise<unknown>[] = [];
  const fail = (origin: string) =>
    watch.observe(origin, { kind: "unreachable" }, (one) => void work.push(one));
  return { watch, fail, reports, settled: () => Promise.all(work) };
}

describe("a health watch", () => {
  it("ejects an origin that fails and reports it", async ({ expect }) => {
    const { watch, fail, reports, settled } = watching();
    fail("app-1");
    await settled();
    expect(reports).toEqual(["app-1"]);
    expect([...watch.local.ejections.keys()]).toEqual(["app-1"]);
  });

  it("counts no origin against the cap that is not configured any more", async ({ expect }) => {
    const { fail, reports, settled } = watching([["gone", { probe: "down" }]]);
    fail("app-1");
    await settled();
    expect(reports).toEqual(["app-1"]);
  });

  it("takes an ejection back that the pool can't afford", async ({ expect }) => {
    const { watch, fail, settled } = watching([], false);
    fail("app-1");
    await settled();
    expect(watch.local.ejections.size).toBe(0);
  });
});
