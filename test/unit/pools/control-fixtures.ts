import { env } from "cloudflare:workers";

import type { Control, Plan, PoolView } from "../../../src/pools/control.ts";
import { planOf } from "../../../src/pools/view.ts";
import { makePool } from "../fixtures.ts";

/** Ahead of the real clock, by which the runtime rings alarms: none rings unless a test says so. */
export const START = Date.UTC(2040, 0, 1);
export const LIMITS = { idleMs: 600_000, ttlMs: 3_600_000, cap: 1_000 };

type Row = PoolView["origins"][number];

let made = 0;

/** A control object that no other test has used, with the plan of its pool and the pool's one shard. */
export async function newControl(settings: Readonly<Record<string, unknown>> = {}) {
  made += 1;
  const name = `control-${made}`;
  const plan = await planOf(makePool({ name, sessions: { shards: 1 }, ...settings }));
  const stub = env.POOL_STATE.getByName(name);
  const control = stub as unknown as Control;
  const shard = env.SESSION_MAP.getByName(`${name}/0`);

  async function see(known = 0): Promise<PoolView> {
    const { view } = await control.view(known, plan.digest);
    if (view === null) throw new Error("nothing new");
    return view;
  }

  return {
    name,
    plan,
    stub,
    control,
    shard,
    see,
    row: async (origin: string): Promise<Row | undefined> =>
      (await see()).origins.find(({ name }) => name === origin),
    told: async () =>
      (await control.events(Number.MAX_SAFE_INTEGER, 100)).map(
        ({ kind, origin, cause }) => `${origin ?? "pool"}: ${kind}, ${cause}`,
      ),
    pin: async (origin: string, ...ids: string[]) => {
      const proposal = { origin, generation: 1, created: null, carried: false };
      const asks = ids.map((id) => ({ id: id.padEnd(22, "_"), by: "query" as const, proposal }));
      await shard.assign(asks, LIMITS);
    },
    unpin: (id: string) => shard.release(id.padEnd(22, "_")),
  };
}

export type Controlled = Awaited<ReturnType<typeof newControl>>;

/** The plan of the same pool under other settings. */
export function planWith(
  { name }: Pick<Controlled, "name">,
  settings: Readonly<Record<string, unknown>>,
): Promise<Plan> {
  return planOf(makePool({ name, sessions: { shards: 1 }, ...settings }));
}
