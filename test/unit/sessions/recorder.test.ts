import { describe, it, vi } from "vitest";

import type { Fresh } from "../../../src/sessions/protocol.ts";
import { Recorder } from "../../../src/sessions/recorder.ts";
import { idOf } from "./fixtures.ts";

const WINDOW_MS = 20;

function recording(fails: (shard: number) => boolean = () => false) {
  const sent: string[] = [];
  const work: Promise<unknown>[] = [];
  const recorder = new Recorder(async (shard, rows) => {
    if (fails(shard)) throw new Error("down");
    sent.push(`${shard}: ${rows.map(([id]) => Number.parseInt(id, 36)).join(" ")}`);
  }, 3);
  const add = (shard: number, at: number, windowMs = WINDOW_MS) => {
    const row: Fresh = [idOf(at), "cookie", "app-1", 1, 0];
    recorder.add(shard, row, windowMs, (one) => void work.push(one));
  };
  return { recorder, add, sent, work };
}

describe("the rows of new sessions", () => {
  it("go to their shards together, in the request that opened the window", async ({ expect }) => {
    const { add, sent, work } = recording();
    add(1, 1);
    add(2, 2);
    add(1, 3);
    expect(work).toHaveLength(1);
    expect(sent).toEqual([]);
    await Promise.all(work);
    expect(sent).toEqual(["1: 1 3", "2: 2"]);
  });

  it("that come later open another window", async ({ expect }) => {
    const { add, sent, work } = recording();
    add(1, 1);
    await Promise.all(work);
    add(1, 2);
    expect(work).toHaveLength(2);
    await Promise.all(work);
    expect(sent).toEqual(["1: 1", "1: 2"]);
  });

  it("do not wait for a leader that never woke up", async ({ expect }) => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { add, work } = recording();
    add(1, 1, 60_000);
    vi.setSystemTime(Date.now() + 60_001);
    add(1, 2, 60_000);
    expect(work).toHaveLength(2);
    vi.useRealTimers();
  });

  it("are split when they are too many for a call", async ({ expect }) => {
    const { recorder, add, sent } = recording();
    for (const at of [1, 2, 3, 4, 5, 6, 7]) add(0, at, 60_000);
    await recorder.flush();
    expect(sent).toEqual(["0: 1 2 3", "0: 4 5 6", "0: 7"]);
  });

  it("are sent at once when somebody wants to see them, and not again", async ({ expect }) => {
    const { recorder, add, sent, work } = recording();
    add(1, 1);
    await recorder.flush();
    expect(sent).toEqual(["1: 1"]);
    await Promise.all(work);
    expect(sent).toHaveLength(1);
  });

  it("are lost with a word in the log when a shard is down, and only its own", async ({
    expect,
  }) => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const { recorder, add, sent, work } = recording((shard) => shard === 1);
    add(1, 1);
    add(2, 2);
    await recorder.flush();
    await Promise.all(work);
    expect(sent).toEqual(["2: 2"]);
    expect(warn).toHaveBeenCalledOnce();
    warn.mockRestore();
  });
});
