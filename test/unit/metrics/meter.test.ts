import * as fc from "fast-check";
import { describe, it } from "vitest";

import { makeMeter, makeRefusals } from "../../../src/metrics/meter.ts";

describe("a meter", () => {
  it("gives what it has counted once", ({ expect }) => {
    const meter = makeMeter("isolate", makeRefusals());
    expect(meter.take()).toBeNull();
    meter.count("app-1", "hit", 200, 4);
    meter.count("app-1", "hit", 204, 5);
    meter.count("app-1", "moved", 503, 5.5);
    meter.count("", "none", 101, 60_000);
    meter.failed("app-1", "origin_timeout");
    meter.moved("app-2", "down");
    meter.retried(2);
    meter.called("assign", true);
    const { isolate, sums } = meter.take() ?? { isolate: "", sums: new Map() };
    expect(isolate).toBe("isolate");
    expect(Object.fromEntries(sums)).toEqual({
      "app-1": {
        "outcome hit": 2,
        "outcome moved": 1,
        "class 2xx": 2,
        "class 5xx": 1,
        "within 5": 2,
        "within 10": 1,
        ms: 14.5,
        "failure origin_timeout": 1,
      },
      "app-2": { "move down": 1 },
      "": {
        "outcome none": 1,
        "class 1xx": 1,
        "within +Inf": 1,
        ms: 60_000,
        retries: 2,
        "call assign": 1,
      },
    });
    expect(meter.take()).toBeNull();
  });

  it("loses and doubles nothing, however often a report comes back", ({ expect }) => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("count", "deliver", "fail")), (steps) => {
        const meter = makeMeter("isolate", makeRefusals());
        let counted = 0;
        let delivered = 0;
        for (const step of [...steps, "deliver"]) {
          if (step === "count") {
            meter.count("app-1", "hit", 200, 1);
            counted += 1;
            continue;
          }
          const counts = meter.take();
          if (counts === null) continue;
          if (step === "fail") meter.giveBack(counts);
          else delivered += counts.sums.get("app-1")?.["outcome hit"] ?? 0;
        }
        expect(delivered).toBe(counted);
      }),
    );
  });
});

describe("what no pool took", () => {
  it("is taken along by whichever pool reports first", ({ expect }) => {
    const refusals = makeRefusals();
    const [one, other] = [makeMeter("isolate", refusals), makeMeter("isolate", refusals)];
    refusals.count("no_pool", 0);
    refusals.count("no_pool", 1);
    expect(other.take()?.sums.get("")).toEqual({ "refused no_pool": 2 });
    expect(one.take()).toBeNull();
  });

  it("asks for a report of its own after 5 s, once", ({ expect }) => {
    const refusals = makeRefusals();
    const due = [0, 4_999, 5_000, 5_001, 9_999, 10_000].map((at) => refusals.count("no_pool", at));
    expect(due).toEqual([false, false, true, false, false, true]);
    refusals.take();
    expect(refusals.count("no_pool", 20_000)).toBe(false);
  });
});
