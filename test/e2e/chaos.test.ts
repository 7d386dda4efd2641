import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, it } from "vitest";
import type { Client, ClientAnswer } from "../kit/jar.ts";
import type { OriginAnswer } from "../kit/origin-routes.ts";
import { report } from "../kit/tally.ts";
import { outcomeOf, startScene, stopScenes, tally, visit, type Scene } from "./failover-scene.ts";

afterAll(stopScenes);

interface Outage {
  readonly origin: string;
  readonly from: number;
  to: number;
}

interface Move {
  readonly client: number;
  readonly from: string;
  readonly to: string;
  readonly after: number;
  readonly at: number;
}

interface Counts {
  requests: number;
  /** Sessions that clients began, the first ones included. */
  sessions: number;
  readonly failures: string[];
  readonly moves: Move[];
  readonly outcomes: Record<string, number>;
}

const clientCount = 200;
const roundMs = 2_500;
const downMs = 1_200;
const pauseMs = 350;
/** After an origin is back: the longest it may still be ejected, and the request under way. */
const ejectedMs = 4_500;
const doomed = ["a", "b"];
/** Every second client begins a new session after so many pages: origins that are back get some. */
const pagesOfSession = 10;

/** Kills and restarts `a` and `b` in turn, in each of the ways an origin can be dead; never `c`. */
async function killInTurn(scene: Scene, outages: Outage[]): Promise<void> {
  const ways = [{ mode: "refuse" }, { mode: "reset" }, { mode: "status", status: 503 }] as const;
  for (const [round, way] of ways.entries()) {
    for (const name of doomed) {
      const outage = { origin: name, from: Date.now(), to: Infinity };
      outages.push(outage);
      await scene.origin(name).fail(way);
      await sleep(downMs);
      await scene.origin(name).heal();
      outage.to = Date.now();
      if (round < ways.length) await sleep(roundMs - downMs);
    }
  }
}

async function browse(
  client: Client,
  number: number,
  home: string,
  counts: Counts,
  goesOn: () => boolean,
): Promise<void> {
  let at: string | undefined = home;
  let answeredAt = Date.now();
  // Spread over the pause, so that requests do not come in waves.
  await sleep((number * pauseMs) / clientCount);
  for (let page = 1; goesOn(); page++) {
    if (number % 2 && page % pagesOfSession === 0) {
      client.forgetCookies();
      counts.sessions += 1;
      at = undefined;
    }
    const askedAt = answeredAt;
    const answer = await client.get(`/page/${number}`).catch(String);
    counts.requests += 1;
    answeredAt = Date.now();
    const origin = nameIn(answer);
    if (typeof answer === "string" || origin === undefined) {
      counts.failures.push(typeof answer === "string" ? answer : `${answer.status} ${answer.text}`);
    } else {
      const outcome = outcomeOf(answer) ?? "none";
      counts.outcomes[outcome] = (counts.outcomes[outcome] ?? 0) + 1;
      if (at !== undefined && origin !== at) {
        counts.moves.push({ client: number, from: at, to: origin, after: askedAt, at: answeredAt });
      }
      at = origin;
    }
    await sleep(pauseMs);
  }
}

function nameIn(answer: ClientAnswer | string): string | undefined {
  if (typeof answer === "string" || answer.status !== 200 || !answer.complete) return undefined;
  return answer.json<OriginAnswer>().origin;
}

it("200 clients: no session on a surviving origin ever moves, no GET fails", async ({
  expect,
  task,
}) => {
  const scene = await startScene({
    origins: { a: {}, b: {}, c: {} },
    pool: {
      failover: { retries: 2 },
      health: { passive: { failures: 3, window: "10s", eject: "1s" } },
    },
  });
  const clients = Array.from({ length: clientCount }, () => scene.newClient());
  const homes = await Promise.all(clients.map((client) => visit(client)));
  const counts: Counts = {
    requests: 0,
    sessions: clientCount,
    failures: [],
    moves: [],
    outcomes: {},
  };
  const outages: Outage[] = [];
  let going = true;
  const browsing = clients.map((client, at) =>
    browse(client, at, homes[at] ?? "", counts, () => going),
  );
  await killInTurn(scene, outages);
  going = false;
  await Promise.all(browsing);

  const after = await Promise.all(clients.map((client) => visit(client)));
  const sessions = Object.fromEntries(
    await Promise.all(
      ["a", "b", "c"].map(async (name) => [name, (await scene.look(name)).sessions]),
    ),
  ) as Record<string, number>;
  const wrong = counts.moves.filter(
    ({ from, after, at }) =>
      !outages.some(
        (each) => each.origin === from && each.from <= at && after <= each.to + ejectedMs,
      ),
  );
  const moved = new Set(counts.moves.map(({ client }) => client)).size;
  console.log(
    `chaos: ${clientCount} clients, ${counts.sessions} sessions, ${counts.requests} GETs, ` +
      `${counts.failures.length} failed; ` +
      `${outages.length} outages; ${counts.moves.length} moves of ${moved} sessions, ` +
      `${wrong.length} of them from a surviving origin; ` +
      `outcomes ${JSON.stringify(counts.outcomes)}; homes ${JSON.stringify(tally(homes))} -> ` +
      `${JSON.stringify(tally(after))}; sessions in the map ${JSON.stringify(sessions)}`,
  );
  report(task, {
    requests: counts.requests + 2 * clientCount,
    faults: outages.length,
    pinsLost: wrong.length,
    failed: counts.failures.length,
  });
  expect(counts.failures).toEqual([]);
  expect(wrong).toEqual([]);
  expect(counts.moves.filter(({ from }) => from === "c")).toEqual([]);
  for (const [at, home] of homes.entries()) {
    if (home === "c" && at % 2 === 0) expect(after[at]).toBe("c");
  }
  // Chaos there was. And the map knows each session once.
  expect(counts.moves.length).toBeGreaterThan(100);
  expect(counts.requests).toBeGreaterThan(1_500);
  expect(Object.values(sessions).reduce((sum, each) => sum + each, 0)).toBe(counts.sessions);
});
