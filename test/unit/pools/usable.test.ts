import { describe, it } from "vitest";

import { makePool } from "../fixtures.ts";
import { rowOf, viewOf } from "./fixtures.ts";
import type { PoolView } from "../../../src/pools/control.ts";
import { snapshot, withoutOrigin } from "../../../src/pools/usable.ts";

const NOW = 1_790_000_000_000;

type Settings = Readonly<Record<string, unknown>>;

function poolOf(...origins: Settings[]) {
  return makePool({
    origins: origins.map((origin, at) => ({
      name: `app-${at + 1}`,
      url: `https://app-${at + 1}.example.com`,
      ...origin,
    })),
  });
}

const see = (
  origins: Settings[],
  view: Partial<PoolView> = {},
  ejections: ReadonlyMap<string, number> = new Map(),
) => snapshot(poolOf(...origins), viewOf(view), ejections, NOW);

const takers = (...given: Parameters<typeof see>) =>
  see(...given).takers.map(({ origin }) => origin.name);

const keepers = (...given: Parameters<typeof see>) =>
  [...see(...given).standings.values()].filter(({ keep }) => keep).map(({ origin }) => origin.name);

describe("who may take a new session", () => {
  it.for([
    ["all that are active", [{}, {}], ["app-1", "app-2"]],
    ["none that is draining", [{ state: "draining" }, {}], ["app-2"]],
    ["none of weight 0", [{ weight: 0 }, {}], ["app-2"]],
    ["none that is disabled", [{ state: "disabled" }, {}], ["app-2"]],
    ["no backup while a first origin is usable", [{ tier: 1 }, {}, { tier: 2 }], ["app-2"]],
    [
      "the backup when no first origin is",
      [{ tier: 1 }, { state: "disabled" }, { tier: 2 }],
      ["app-1"],
    ],
    ["the backup before a draining first origin", [{ tier: 1 }, { state: "draining" }], ["app-1"]],
    ["draining ones as the last resort", [{ weight: 0 }, { state: "disabled" }], ["app-1"]],
    [
      "draining ones of the first tier as the last resort",
      [{ state: "draining", tier: 1 }, { state: "draining" }],
      ["app-2"],
    ],
    ["nobody when all are disabled", [{ state: "disabled" }, { state: "disabled" }], []],
  ] as const)("is %s", ([, origins, names], { expect }) => {
    expect(takers([...origins])).toEqual(names);
  });

  it("has a weight, even as the last resort", ({ expect }) => {
    const { takers } = see([{ weight: 0 }, { state: "disabled" }]);
    expect(takers.map(({ weight }) => weight)).toEqual([1]);
  });

  it("is nobody that is down, by probe or by ejection, here or elsewhere", ({ expect }) => {
    const origins = [rowOf("app-1", { probe: "down" }), rowOf("app-2", { ejected_until: NOW + 1 })];
    expect(takers([{}, {}, {}, {}], { origins }, new Map([["app-3", NOW + 1]]))).toEqual(["app-4"]);
  });

  it("is an ejected origin again once its time is over", ({ expect }) => {
    const origins = [rowOf("app-1", { ejected_until: NOW })];
    expect(takers([{}, {}], { origins }, new Map([["app-2", NOW]]))).toEqual(["app-1", "app-2"]);
  });

  it("is nobody that has as many sessions as it may", ({ expect }) => {
    const origins = [{ max_sessions: 10 }, { max_sessions: 10 }, {}];
    const counts = new Map([
      ["app-1", 10],
      ["app-2", 9],
      ["app-3", 1_000],
    ]);
    expect(takers(origins, { counts })).toEqual(["app-2", "app-3"]);
    expect(see(origins, { counts }).standings.get("app-1")?.keep).toBe(true);
  });

  it("is the backup when all first origins are full", ({ expect }) => {
    const origins = [{ max_sessions: 10 }, { tier: 1 }];
    expect(takers(origins, { counts: new Map([["app-1", 10]]) })).toEqual(["app-2"]);
  });
});

describe("who may keep its sessions", () => {
  it("is whoever is up and not disabled: draining, full and backup origins too", ({ expect }) => {
    const origins = [
      { state: "draining" },
      { weight: 0 },
      { tier: 3 },
      { max_sessions: 1 },
      { state: "disabled" },
    ];
    expect(keepers(origins, { counts: new Map([["app-4", 5]]) })).toEqual([
      "app-1",
      "app-2",
      "app-3",
      "app-4",
    ]);
  });

  it("is told why not otherwise", ({ expect }) => {
    const origins = [
      rowOf("app-1", { probe: "down" }),
      rowOf("app-2", { state: "disabled", probe: "down" }),
      rowOf("app-3", { state: "draining", drained: 1 }),
      rowOf("app-4", { state: "draining" }),
    ];
    const { standings } = see([{}, {}, {}, {}, {}], { origins });
    expect([...standings.values()].map(({ lost }) => lost)).toEqual([
      "down",
      "disabled",
      "drained",
      null,
      null,
    ]);
  });

  it("is whoever the operator says, against the configuration", ({ expect }) => {
    const origins = [
      rowOf("app-1", { state: "active", weight: 5 }),
      rowOf("app-2", { state: "draining" }),
      rowOf("app-3", { weight: 0 }),
    ];
    const seen = see([{ state: "disabled" }, {}, {}, {}], { origins });
    expect(seen.takers.map(({ origin, weight }) => [origin.name, weight])).toEqual([
      ["app-1", 5],
      ["app-4", 1],
    ]);
    expect(seen.standings.get("app-3")).toMatchObject({ keep: true, state: "draining" });
  });
});

describe("a snapshot", () => {
  it("ignores rows of origins that the configuration does not have", ({ expect }) => {
    const seen = see([{}, {}], { origins: [rowOf("app-9", { generation: 4 })] });
    expect([...seen.standings.keys()]).toEqual(["app-1", "app-2"]);
  });

  it("carries generations, counts and recalls", ({ expect }) => {
    const seen = see([{}, {}], {
      origins: [rowOf("app-2", { generation: 4 })],
      counts: new Map([["app-1", 3]]),
      recalled: new Map([
        ["a", 1],
        ["b", 2],
      ]),
      askBefore: 17,
    });
    expect(seen.standings.get("app-1")).toMatchObject({ generation: 1, sessions: 3 });
    expect(seen.standings.get("app-2")).toMatchObject({ generation: 4, sessions: 0 });
    expect([...seen.recalled.keys()]).toEqual(["a", "b"]);
    expect(seen.askBefore).toBe(17);
  });

  it("says when time alone changes it", ({ expect }) => {
    expect(see([{}, {}]).validUntil).toBe(Infinity);
    const origins = [rowOf("app-1", { ejected_until: NOW + 500 })];
    const ejections = new Map([
      ["app-1", NOW + 900],
      ["app-2", NOW + 700],
      ["app-3", NOW - 1],
    ]);
    expect(see([{}, {}, {}], { origins }, ejections).validUntil).toBe(NOW + 700);
  });

  it("is another one without an origin that failed, and itself unchanged", ({ expect }) => {
    const before = see([{}, { tier: 1 }]);
    const after = withoutOrigin(before, "app-1");
    expect(after.takers.map(({ origin }) => origin.name)).toEqual(["app-2"]);
    expect(after.standings.get("app-1")).toMatchObject({ keep: false, lost: "down" });
    expect(before.takers.map(({ origin }) => origin.name)).toEqual(["app-1"]);
    expect(withoutOrigin(after, "app-2").takers).toEqual([]);
  });
});
