import type { PoolView } from "../../../src/pools/control.ts";

type OriginRow = PoolView["origins"][number];

export function rowOf(name: string, of: Partial<OriginRow> = {}): OriginRow {
  return {
    name,
    state: null,
    weight: null,
    generation: 1,
    probe: "up",
    streak: 0,
    ejected_until: 0,
    up_since: null,
    drain_since: null,
    drain_deadline: null,
    drained: 0,
    ...of,
  };
}

export function viewOf(of: Partial<PoolView> = {}): PoolView {
  return {
    version: 1,
    origins: [],
    recalled: new Map(),
    askBefore: 0,
    counts: new Map(),
    countsAt: 0,
    ...of,
  };
}
