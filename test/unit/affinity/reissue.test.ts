import { describe, it } from "vitest";

import { makeCarriers } from "../../../src/affinity/carriers.ts";
import { commit } from "../../../src/affinity/commit.ts";
import type { Desk } from "../../../src/affinity/desk.ts";
import { makeKeyring } from "../../../src/affinity/keyring.ts";
import { makeLeases } from "../../../src/affinity/leases.ts";
import { readersOf } from "../../../src/affinity/readers.ts";
import { settle } from "../../../src/affinity/settle.ts";
import type { Token } from "../../../src/affinity/token.ts";
import { arrive } from "../../../src/shared/arrival.ts";
import { snapshot } from "../../../src/pools/usable.ts";
import { makePool } from "../fixtures.ts";
import { viewOf } from "../pools/fixtures.ts";
import { mint, NEW, OLD, saying } from "./fixtures.ts";
import { memoryStore } from "./memory-store.ts";
import { makeScene, START, type Scene } from "./scene.ts";

const SESSIONS = { idle: "30m", ttl: "10h", lease: "60s" };
const SECOND = 1_000;
const companion = { by: "app-cookie", name: "SID", pin: "cookie" };
const setsCookie = { answer: [["set-cookie", "SID=one"]] } as const;

/** What a Set-Cookie line of ours says. */
async function tokenIn(line: string | undefined, of: { pool?: object; rule?: string } = {}) {
  const pool = makePool({ sessions: SESSIONS, ...of.pool });
  const { codec } = await mint([NEW], pool, of.rule);
  const value = line?.slice(line.indexOf("=") + 1).split(";", 1)[0] ?? "";
  const token = await codec.read(value);
  if (token === null) throw new Error(`no token in ${line}`);
  return token;
}

/** The operator moves the only session; isolates hear of it later. */
async function moveAway(scene: Scene, home: string): Promise<{ id: string; to: string }> {
  const [[id, row] = ["", null], ...more] = scene.store.rows;
  if (row === null || more.length > 0) throw new Error("not one session");
  const to = home === "app-3" ? "app-2" : "app-3";
  const place = { origin: to, generation: 1 };
  const { by, created } = row;
  await scene.store.move([id], { by, from: null, to: place, created });
  return { id, to };
}

describe("a token that is issued anew from what this isolate knows", () => {
  it("is as old as that knowledge, so that a recall in between counts", async ({ expect }) => {
    const scene = await makeScene({ sessions: SESSIONS });
    const client = scene.client();
    const { origin } = await client.get();
    scene.pass(30 * SECOND);
    await client.get();
    const vouched = scene.world.now;

    scene.pass(5 * SECOND);
    const { id, to } = await moveAway(scene, origin);
    const recalledAt = scene.world.now;
    scene.pass(5 * SECOND);
    scene.store.calls.length = 0;
    const again = await client.get();
    expect(again).toMatchObject({ outcome: "hit", origin, setCookies: [expect.any(String)] });
    expect(scene.store.calls).toEqual([]);
    expect((await tokenIn(again.setCookies[0])).renewed).toBe(vouched);

    scene.see({}, { recalled: new Map([[id, recalledAt]]) });
    expect(await client.get()).toMatchObject({ outcome: "moved", origin: to });
    expect(scene.store.calls).toEqual(["assign"]);
  });

  it("is so too while sessions of others are being recalled", async ({ expect }) => {
    const scene = await makeScene({ sessions: SESSIONS });
    const client = scene.client();
    const { origin } = await client.get();
    scene.pass(61 * SECOND);
    const token = new Map(client.jar);
    await client.get();
    const vouched = scene.world.now;
    // A parallel request with the older token, some time later.
    scene.pass(5 * SECOND);
    const { id, to } = await moveAway(scene, origin);
    const recalledAt = scene.world.now;
    scene.pass(5 * SECOND);
    scene.see({}, { recalled: new Map([["another", recalledAt]]) });
    const again = await scene.visit(token);
    expect((await tokenIn(again.setCookies[0])).renewed).toBe(vouched);
    scene.see({}, { recalled: new Map([[id, recalledAt]]) });
    expect(await scene.visit(token)).toMatchObject({ outcome: "moved", origin: to });
  });
});

describe("a token that is issued anew because the application repeats its cookie", () => {
  it("is as old as before: in a companion", async ({ expect }) => {
    const pool = { affinity: [companion] };
    const scene = await makeScene({ sessions: SESSIONS, ...pool });
    const client = scene.client();
    const { origin } = await client.get(setsCookie);
    scene.pass(5 * SECOND);
    const { id, to } = await moveAway(scene, origin);
    const recalledAt = scene.world.now;
    scene.pass(5 * SECOND);
    const again = await client.get(setsCookie);
    const { rules } = scene.pool;
    const token = await tokenIn(again.setCookies[0], { pool, rule: rules[0]?.id ?? "" });
    expect([again.outcome, token.renewed]).toEqual(["hit", START]);
    scene.see({}, { recalled: new Map([[id, recalledAt]]) });
    expect(await client.get()).toMatchObject({ outcome: "moved", origin: to });
  });

  it("is as old as before: in an envelope", async ({ expect }) => {
    const pool = { affinity: [{ ...companion, pin: "embed" }] };
    const scene = await makeScene({ sessions: SESSIONS, ...pool });
    const client = scene.client();
    const { origin } = await client.get(setsCookie);
    scene.pass(5 * SECOND);
    const { id, to } = await moveAway(scene, origin);
    const recalledAt = scene.world.now;
    scene.pass(5 * SECOND);
    expect(await client.get(setsCookie)).toMatchObject({ outcome: "hit", origin });
    scene.see({}, { recalled: new Map([[id, recalledAt]]) });
    expect(await client.get()).toMatchObject({ outcome: "moved", origin: to });
  });
});

describe("a token under the old secret", () => {
  /** One visit by a client that shows such a token, at `now`. */
  async function visitWith(
    said: Omit<Token, "current">,
    now: number,
    recalled: ReadonlyMap<string, number> = new Map(),
  ) {
    const pool = makePool({ sessions: SESSIONS });
    const keyring = await makeKeyring([NEW, OLD]);
    const carriers = await makeCarriers(pool, keyring);
    const store = memoryStore(pool.sessions, () => now);
    const leases = makeLeases(pool.sessions.leaseMs);
    const desk: Desk = { pool, keyring, store, leases };
    const cookie = `__Host-affinity=${await (await mint([OLD], pool)).codec.write(said)}`;
    const request = new Request("https://shop.example.com/", { headers: { cookie } });
    const arrival = arrive(request, now);
    const placement = await settle(desk, {
      sightings: await Promise.all(readersOf(pool, carriers).map((read) => read(arrival, null))),
      snapshot: snapshot(pool, viewOf({ recalled }), new Map(), now),
      now,
      mayMake: () => true,
      background: () => {},
      choose: () => null,
    });
    if (placement.kind !== "placed") throw new Error(placement.kind);
    const [line] = await commit(desk, carriers, placement, arrival, () => {});
    const { outcome, held } = placement;
    return { outcome, held, calls: store.calls, token: await tokenIn(line) };
  }

  const said = saying(makePool(), { created: START, renewed: START });

  it("is issued under the new one, and not a moment younger", async ({ expect }) => {
    const visited = await visitWith(said, START + 20 * SECOND);
    expect(visited).toMatchObject({ outcome: "hit", calls: [] });
    expect(visited.token).toMatchObject({ ...said, origin: { name: "app-1" }, current: true });
  });

  it("is not younger either while sessions of others are recalled", async ({ expect }) => {
    const others = new Map([["another", START + 10 * SECOND]]);
    const visited = await visitWith(said, START + 20 * SECOND, others);
    expect(visited).toMatchObject({ outcome: "hit", calls: [], token: { renewed: START } });
  });

  it("is asked for if it was recalled under its older name", async ({ expect }) => {
    const { held } = await visitWith(said, START + 20 * SECOND);
    const ids = (await held[0]?.ids()) ?? [];
    expect(ids).toHaveLength(2);
    for (const id of ids) {
      const now = START + 20 * SECOND;
      const visited = await visitWith(said, now, new Map([[id, START + 10 * SECOND]]));
      // The map has vouched for it now.
      expect(visited).toMatchObject({ calls: ["assign"], token: { renewed: now } });
    }
  });
});

describe("a token that the map has vouched for", () => {
  it("is as young as the answer: after its lease", async ({ expect }) => {
    const scene = await makeScene({ sessions: SESSIONS });
    const client = scene.client();
    await client.get();
    scene.pass(61 * SECOND);
    const next = await client.get();
    expect((await tokenIn(next.setCookies[0])).renewed).toBe(scene.world.now);
  });

  it("is as young as the answer: after a move", async ({ expect }) => {
    const scene = await makeScene({ sessions: SESSIONS });
    const client = scene.client();
    const { origin } = await client.get();
    scene.pass(20 * SECOND);
    scene.see({ [origin]: { probe: "down" } });
    const next = await client.get();
    expect(next.outcome).toBe("moved");
    expect((await tokenIn(next.setCookies[0])).renewed).toBe(scene.world.now);
  });

  it("is no younger after a move that the map did not answer so", async ({ expect }) => {
    const scene = await makeScene({ sessions: SESSIONS });
    const client = scene.client();
    const { origin } = await client.get();
    const [id = ""] = scene.store.rows.keys();
    await scene.store.release(id);
    scene.pass(20 * SECOND);
    // An isolate that has not heard of the release finds the origin down.
    scene.see({ [origin]: { probe: "down" } });
    const next = await client.get();
    expect((await tokenIn(next.setCookies[0])).renewed).toBe(START);
  });
});
