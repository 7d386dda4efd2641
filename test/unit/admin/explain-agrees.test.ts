import * as fc from "fast-check";
import { describe, test, vi } from "vitest";

import type { Outcome } from "../../../src/outcome.ts";
import { makeIsolate, type Asking, type Isolate } from "./isolate.ts";

/** `explain` beside the real path, in situations nobody thought of. */

const ORIGINS = ["app-1", "app-2", "app-3"] as const;

const affinity = fc.constantFrom<readonly unknown[]>(
  ["cookie"],
  ["query:sid", "cookie"],
  ["ip"],
  ["query:sid", "ip"],
  ["cookie", "header:X-Session"],
  [{ by: "header", name: "X-Session", learn: "response" }],
  ["app-cookie:SID"],
  [{ by: "app-cookie", name: "SID", pin: "cookie" }, "cookie"],
  [{ by: "app-cookie", name: "SID", pin: "embed" }],
  [{ by: "app-cookie", name: "SID", pin: "route" }, "cookie"],
  [{ by: "query", name: "sid", pin: "hash" }],
  [{ by: "path", pattern: "/rooms/:room/*", pin: "map" }],
  [],
);

const settings = fc.record({
  affinity,
  balance: fc.constantFrom("round-robin", "hash", "nearest", "weighted-random", "least-sessions"),
  skip: fc.constantFrom([], ["/assets/*"]),
  failover: fc.record({ on_lost: fc.constantFrom("repin", "detour", "refuse") }),
  sessions: fc.constantFrom(
    {},
    { idle: "2m", ttl: "10m", lease: "0s" },
    { idle: "2m", ttl: "10m", lease: "10s" },
    { record: "return" },
  ),
  origins: fc
    .tuple(...ORIGINS.map(() => fc.record({ tier: fc.constantFrom(0, 0, 1), weight: fc.nat(3) })))
    .map((all) => all.map((one, at) => originOf(`app-${at + 1}`, one))),
});
type Settings = typeof settings extends fc.Arbitrary<infer T> ? T : never;

function originOf(name: string, dealt: { readonly tier: number; readonly weight: number }) {
  return {
    ...dealt,
    name,
    url: `https://${name}.example.com`,
    version: name === "app-2" ? "v1" : "v2",
    max_sessions: name === "app-3" ? 2 : 100,
  };
}

const asking: fc.Arbitrary<Asking> = fc.record({
  url: fc.constantFrom(
    "http://shop.example.com/",
    "http://shop.example.com/?sid=one",
    "https://shop.example.com/?sid=two",
    "http://shop.example.com/rooms/blue/x",
    "http://shop.example.com/assets/x.js",
  ),
  method: fc.constantFrom("GET", "GET", "POST", "OPTIONS"),
  headers: fc.constantFrom<Record<string, string>>(
    {},
    { "x-session": "alpha" },
    { "x-session": "beta", "user-agent": "test" },
    { "access-control-request-method": "GET" },
    { "sec-purpose": "prefetch" },
  ),
  ip: fc.constantFrom("192.0.2.1", "192.0.2.2", "2001:db8::1"),
  answer: fc.constantFrom<readonly (readonly [string, string])[]>(
    [],
    [["set-cookie", "SID=gamma; Path=/"]],
    [["set-cookie", "SID=delta.app-2; Path=/"]],
    [["set-cookie", "SID=x; Max-Age=0"]],
    [["x-session", "alpha"]],
  ),
});

const origin = fc.constantFrom(...ORIGINS);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("visit" as const), client: fc.nat(3), asking }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("pass" as const),
      ms: fc.constantFrom(100, 5_000, 31_000, 70_000, 130_000, 700_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("row" as const),
      origin,
      row: fc.constantFrom(
        { state: "draining" as const, drain_since: 1, drained: 0 },
        { state: "draining" as const, drain_since: 1, drained: 1 },
        { state: "disabled" as const },
        { state: null, drain_since: null, drained: 0 },
        { probe: "down" as const },
        { probe: "up" as const },
        { generation: 2 },
        { weight: 0 },
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("eject" as const), origin }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("map" as const), down: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("release" as const), which: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("garble" as const), client: fc.nat(3) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function act(isolate: Isolate, jars: readonly Map<string, string>[], doing: Step) {
  const { clock, store } = isolate;
  switch (doing.kind) {
    case "visit":
      return isolate.visit(doing.asking, jars[doing.client] ?? new Map());
    case "pass":
      clock.now += doing.ms;
      return null;
    case "row":
      isolate.see({ [doing.origin]: doing.row });
      return null;
    case "eject":
      isolate.ejections.set(doing.origin, clock.now + 30_000);
      return null;
    case "map":
      store.fails(doing.down);
      return null;
    case "release": {
      const id = [...store.rows.keys()][doing.which];
      if (id === undefined) return null;
      await store.release(id).catch(() => null);
      isolate.see({}, { recalled: new Map([[id, clock.now]]) });
      return null;
    }
    case "garble": {
      const jar = jars[doing.client];
      for (const name of jar?.keys() ?? []) jar?.set(name, "A".repeat(99));
      return null;
    }
  }
}

/** Every outcome there is, whatever the dice say: these situations are tried before the random ones. */
const SITUATIONS: readonly (readonly [pool: Settings, steps: readonly Step[]])[] = [
  // new, hit
  [poolOf({}), [visit(), visit()]],
  // moved, detour, refused
  ...(["repin", "detour", "refuse"] as const).map((on_lost): [Settings, Step[]] => [
    poolOf({ failover: { on_lost } }),
    [...only("app-2"), visit(), ...only("app-3"), visit()],
  ]),
  // expired
  [
    poolOf({ sessions: { idle: "2m", ttl: "10m", lease: "0s" } }),
    [visit(), { kind: "pass", ms: 700_000 }, visit()],
  ],
  // invalid
  [poolOf({}), [visit(), { kind: "garble", client: 0 }, visit()]],
  // skip
  [poolOf({ skip: ["/assets/*"] }), [visit("http://shop.example.com/assets/x.js")]],
  // none
  [poolOf({ affinity: [] }), [visit()]],
  // degraded
  [poolOf({ affinity: ["ip"] }), [{ kind: "map", down: true }, visit()]],
];

const OUTCOMES = {
  new: true,
  hit: true,
  moved: true,
  detour: true,
  refused: true,
  expired: true,
  invalid: true,
  skip: true,
  none: true,
  degraded: true,
} satisfies Record<Outcome, true>;

function poolOf(more: Partial<Settings>): Settings {
  return {
    affinity: ["cookie"],
    balance: "round-robin",
    skip: [],
    failover: { on_lost: "repin" },
    sessions: {},
    origins: ORIGINS.map((name) => originOf(name, { tier: 0, weight: 1 })),
    ...more,
  };
}

function visit(url = "http://shop.example.com/"): Step {
  const asking: Asking = { url, method: "GET", headers: {}, ip: "192.0.2.1", answer: [] };
  return { kind: "visit", client: 0, asking };
}

/** The other origins are down from here on. */
function only(up: (typeof ORIGINS)[number]): Step[] {
  return ORIGINS.map((origin) => {
    const probe = origin === up ? "up" : "down";
    return { kind: "row", origin, row: { probe } };
  });
}

const jarsOf = () => Array.from({ length: 4 }, () => new Map<string, string>());
const rowsOf = ({ store }: Isolate) =>
  [...store.rows.values()].map(({ by, origin, generation, created, seen }) =>
    [by, origin, generation, created, seen].join(" "),
  );

describe("POST /api/explain", () => {
  test("says what the real path then does, and leaves everything as it would have been", async ({
    expect,
  }) => {
    // The map is down at times, and the router says so.
    vi.spyOn(console, "warn").mockReturnValue();
    const seen = new Set<Outcome>();
    await fc.assert(
      fc.asyncProperty(
        settings,
        fc.array(step, { minLength: 4, maxLength: 24 }),
        fc.integer(),
        fc.constantFrom(1, 1, 1, 100),
        async (pool, steps, seed, times) => {
          const isRandom = pool.balance === "weighted-random" || pool.balance === "least-sessions";
          const asked = await makeIsolate(pool, seed);
          const alone = await makeIsolate(pool, seed);
          const [jars, others] = [jarsOf(), jarsOf()];
          for (const doing of steps) {
            let told = null;
            if (doing.kind === "visit") {
              const jar = jars[doing.client] ?? new Map<string, string>();
              for (let n = 0; n < times; n += 1) told = await asked.explained(doing.asking, jar);
            }
            const done = await act(asked, jars, doing);
            expect(await act(alone, others, doing)).toEqual(done);
            expect(rowsOf(asked)).toEqual(rowsOf(alone));
            if (told === null || done === null) continue;
            const { chosen, outcome } = told;
            seen.add(outcome);
            expect(outcome).toBe(done.outcome);
            if (!isRandom) expect(chosen).toBe(done.chosen);
            if (chosen !== null) {
              expect(told.candidates[0]).toMatchObject({ origin: chosen, usable: true });
            }
            expect(told.candidates.map((one) => one.origin).sort()).toEqual([...ORIGINS]);
            expect(told.rules).toHaveLength(asked.pool.rules.length);
          }
        },
      ),
      {
        numRuns: SITUATIONS.length + 120,
        examples: SITUATIONS.map(([pool, steps]) => [pool, [...steps], 1, 1]),
      },
    );
    expect([...seen].sort()).toEqual(Object.keys(OUTCOMES).sort());
  }, 60_000);
});
