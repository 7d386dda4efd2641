import { afterAll, beforeAll, describe, test } from "vitest";
import { Client } from "../kit/jar.ts";
import { freshIp, poolOf, startScene, type PoolVars, type Scene } from "./scene.ts";

interface Move {
  readonly pool: string;
  readonly from: string;
  readonly to: string | null;
  readonly sessions: number;
  readonly reason: string;
}

interface Answer {
  readonly problems?: readonly { path: string; value: string; expected: string }[];
  readonly moves?: readonly Move[];
  readonly exact?: boolean;
}

const SESSIONS = 30;
const affinity = ["query:sid", "cookie"];
let scene: Scene;
const clients: Client[] = [];
const homes: string[] = [];

beforeAll(async () => {
  scene = await startScene({ pool: { name: "shop", affinity } });
  for (let n = 0; n < SESSIONS; n += 1) {
    const client = new Client(scene.url, { ip: freshIp() });
    homes.push((await client.get("/")).json<{ origin: string }>().origin);
    clients.push(client);
  }
});

afterAll(() => scene.stop());

async function whatIf(...pools: readonly unknown[]): Promise<Answer> {
  const answer = await scene.admin.request("/api/what-if", {
    method: "POST",
    body: JSON.stringify({ pools }),
  });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Answer;
}

/** The pool as it is, with other settings and only some of its origins, or changed ones. */
function shop(settings: PoolVars = {}, change: (origin: string) => PoolVars | null = () => ({})) {
  const { origins, ...rest } = poolOf(scene.origins, { name: "shop", affinity, ...settings });
  const changed = (origins as { name: string }[]).flatMap((one) => {
    const more = change(one.name);
    return more === null ? [] : [{ ...one, ...more }];
  });
  return { ...rest, origins: changed };
}

const at = (origin: string) => homes.filter((home) => home === origin).length;
const sum = (moves: readonly Move[] = []) => moves.reduce((all, { sessions }) => all + sessions, 0);

describe("POST /api/what-if", () => {
  test("moves nobody when nothing changes, or an origin is added or moved in the list", async ({
    expect,
  }) => {
    const nothing = { moves: [], exact: true };
    expect(await whatIf(shop())).toEqual(nothing);
    const { origins, ...rest } = shop();
    const more = [{ name: "app-9", url: "https://app-9.example.com" }, ...origins.reverse()];
    expect(await whatIf({ ...rest, origins: more })).toEqual(nothing);
    expect(await whatIf(shop({ balance: "least-sessions", sessions: { idle: "1h" } }))).toEqual(
      nothing,
    );
  });

  test("counts exactly who leaves an origin when there is one place to go", async ({ expect }) => {
    const left = await whatIf(shop({}, (name) => (name === "app-1" ? {} : null)));
    expect(left.exact).toBe(true);
    expect([...(left.moves ?? [])].sort((a, b) => a.from.localeCompare(b.from))).toEqual(
      ["app-2", "app-3"].map((from) => ({
        pool: "shop",
        from,
        to: "app-1",
        sessions: at(from),
        reason: "removed",
      })),
    );
  });

  test.for(["disabled", "draining"])(
    "spreads the sessions of an origin that is %s",
    async (state, { expect }) => {
      const { moves, exact } = await whatIf(
        shop({}, (name) => (name === "app-3" ? { state } : name === "app-2" ? { weight: 3 } : {})),
      );
      expect(exact).toBe(false);
      expect(sum(moves)).toBe(at("app-3"));
      expect(moves?.every(({ from, to }) => from === "app-3" && to !== "app-3")).toBe(true);
      expect(new Set(moves?.map(({ reason }) => reason))).toEqual(
        new Set([state === "disabled" ? "disabled" : "drained"]),
      );
      const share = (moves?.find(({ to }) => to === "app-2")?.sessions ?? 0) / at("app-3");
      expect(share).toBeGreaterThan(0.6);
    },
  );

  test("says that nobody takes them: a pool that refuses, or is gone or renamed", async ({
    expect,
  }) => {
    const refused = await whatIf(
      shop({ failover: { on_lost: "refuse" } }, (name) =>
        name === "app-3" ? { state: "disabled" } : {},
      ),
    );
    expect(refused).toEqual({
      moves: [{ pool: "shop", from: "app-3", to: null, sessions: at("app-3"), reason: "disabled" }],
      exact: true,
    });
    const renamed = await whatIf(shop({ name: "store" }));
    expect(renamed.exact).toBe(true);
    expect(sum(renamed.moves)).toBe(SESSIONS);
    expect(renamed.moves?.every(({ to, reason }) => to === null && reason === "removed")).toBe(
      true,
    );
  });

  test("counts those whose pins no rule would read", async ({ expect }) => {
    const lost = await whatIf(
      shop({ affinity: ["query:sid"] }, (name) => (name === "app-1" ? {} : null)),
    );
    expect(sum(lost.moves)).toBe(SESSIONS - at("app-1"));
    expect(lost.moves?.every(({ reason, to }) => reason === "rule" && to === "app-1")).toBe(true);
  });

  test("lists every mistake instead, with its place", async ({ expect }) => {
    const { problems, moves } = await whatIf(shop({ balance: "fair", colour: "blue" }));
    expect(moves).toBeUndefined();
    expect(problems?.map(({ path, value }) => [path, value]).sort()).toEqual([
      ["POOLS[0].balance", '"fair"'],
      ["POOLS[0].colour", '"blue"'],
    ]);
  });

  test("changes nothing, and what it says then happens", async ({ expect }) => {
    const rows = await scene.admin.sessions();
    const events = await scene.admin.get("/api/events");
    const next = shop({}, (name) => (name === "app-3" ? null : {}));
    const { moves } = await whatIf(next);
    expect(sum(moves)).toBe(at("app-3"));
    expect(await scene.admin.sessions()).toEqual(rows);
    expect(await scene.admin.get("/api/events")).toEqual(events);
    await scene.router.restart({ vars: { POOLS: [next] } });
    const now: string[] = [];
    for (const client of clients) {
      now.push((await client.get("/")).json<{ origin: string }>().origin);
    }
    const moved = now.filter((origin, n) => origin !== homes[n]);
    expect(moved).toHaveLength(at("app-3"));
  });
});
