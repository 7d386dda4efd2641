import {
  createExecutionContext,
  runInDurableObject,
  waitOnExecutionContext,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";

import { limpet } from "../../src/app.ts";
import type { LimpetOptions } from "../../src/config/options.ts";
import { withOptions } from "../../src/config/with-options.ts";
import { readConfig } from "../../src/config/config.ts";
import type { Control } from "../../src/pools/control.ts";
import { planOf } from "../../src/pools/view.ts";

/** A namespace with jurisdictions, which the local runtime has none of; it notes whom it is asked for. */
function regional(namespace: DurableObjectNamespace<never>, asked: string[]) {
  const within = (jurisdiction: string) => ({
    getByName(name: string) {
      asked.push(`${jurisdiction}:${name}`);
      return namespace.getByName(`${jurisdiction}:${name}`);
    },
  });
  return { ...within("anywhere"), jurisdiction: within };
}

let pools = 0;

function scene() {
  pools += 1;
  const name = `regional-${pools}`;
  const asked: string[] = [];
  const regions = {
    ...env,
    SESSION_MAP: regional(env.SESSION_MAP as DurableObjectNamespace<never>, asked),
    POOL_STATE: regional(env.POOL_STATE as DurableObjectNamespace<never>, asked),
  };
  const options: LimpetOptions = {
    pools: [
      {
        name,
        affinity: ["header:X-Session"],
        balance: "least-sessions",
        sessions: { shards: 1 },
        origins: [{ name: "app-1", url: "https://app-1.example" }],
      },
    ],
  };
  return { name, asked, regions, options };
}

async function visit(options: LimpetOptions, regions: object): Promise<number> {
  const ctx = createExecutionContext();
  const request = new Request("https://shop.example/", { headers: { "X-Session": "one" } });
  const { status } = await limpet(options).fetch(request, regions, ctx);
  await waitOnExecutionContext(ctx);
  return status;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("sessions in a jurisdiction", () => {
  it("are kept there, and so is their pool's control object", async ({ expect }) => {
    const { name, asked, regions, options } = scene();
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response("ok"));
    const control = env.POOL_STATE.getByName(`eu:${name}`);
    // The object of the local runtime gets its environment from there, without jurisdictions.
    await runInDurableObject(control, (object) => Object.assign(object, { env: regions }));
    expect(await visit({ ...options, jurisdiction: "eu" }, regions)).toBe(200);
    expect(new Set(asked)).toEqual(new Set([`eu:${name}`, `eu:${name}/0`]));
    const kept = (shard: string) =>
      runInDurableObject(
        env.SESSION_MAP.getByName(shard),
        (_, { storage }) => storage.sql.exec("SELECT count(*) AS n FROM sessions").one()["n"],
      );
    expect(await kept(`eu:${name}/0`)).toBe(1);
    expect(await kept(`anywhere:${name}/0`)).toBe(0);
  });

  it("are counted there by the control object", async ({ expect }) => {
    const { name, asked, regions, options } = scene();
    const reading = readConfig(withOptions({ ...options, jurisdiction: "eu" }, regions));
    if (!reading.ok) throw new Error(JSON.stringify(reading.problems));
    const [pool] = reading.config.pools;
    const plan = await planOf(pool!, [], reading.config.jurisdiction);
    const control = env.POOL_STATE.getByName(`eu:${name}`);
    await runInDurableObject(control, async (object) => {
      Object.assign(object, { env: regions });
      const it = object as unknown as Control;
      await it.adopt(plan);
      await it.metrics();
    });
    expect(asked).toEqual([`eu:${name}/0`]);
  });

  it("are anywhere by default", async ({ expect }) => {
    const { name, asked, regions, options } = scene();
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response("ok"));
    expect(await visit(options, regions)).toBe(200);
    expect(new Set(asked)).toEqual(new Set([`anywhere:${name}`, `anywhere:${name}/0`]));
  });

  it("are kept nowhere by a runtime that has no such place: requests are refused", async ({
    expect,
  }) => {
    const { options } = scene();
    const told = vi.spyOn(console, "error").mockImplementation(() => {});
    const origin = vi.spyOn(globalThis, "fetch");
    expect(await visit({ ...options, jurisdiction: "eu" }, env)).toBe(500);
    expect(origin).not.toHaveBeenCalled();
    expect(told.mock.calls.join()).toContain("JURISDICTION");
  });
});
