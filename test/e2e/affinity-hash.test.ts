import { afterAll, beforeAll, describe, it } from "vitest";
import { Client } from "../kit/jar.ts";
import { startOrigin, type Origin } from "../kit/origins.ts";
import { headerOf } from "../kit/raw-http.ts";
import { startRouter, type Router } from "../kit/workerd.ts";
import { Admin, adminToken, freshIp, secret } from "./scene.ts";

const keys = Array.from({ length: 300 }, (_, n) => `key-${n}`);
let origins: readonly Origin[];
let router: Router;

const weights = { a: 1, b: 1, c: 1, d: 1 };

function vars(letters: string, changed: Readonly<Record<string, number>> = {}) {
  const pool = {
    name: "default",
    affinity: [{ by: "header", name: "X-Key", pin: "hash" }],
    origins: [...letters].map((letter) => ({
      name: letter,
      url: origins.find(({ name }) => name === letter)?.url,
      weight: { ...weights, ...changed }[letter],
    })),
  };
  return { EXPOSE: "status", POOLS: [pool] };
}

beforeAll(async () => {
  origins = await Promise.all(
    Object.keys(weights).map((name) =>
      startOrigin({
        name,
        handler: (_, response) => (response.setHeader("x-origin", name), false),
      }),
    ),
  );
  router = await startRouter({
    secrets: { AFFINITY_SECRET: secret, ADMIN_TOKEN: adminToken },
    vars: vars("abc"),
  });
});

afterAll(async () => {
  await router?.stop();
  await Promise.all((origins ?? []).map((origin) => origin.stop()));
});

/** Where each key goes, in the order of the keys. */
async function places(): Promise<(string | undefined)[]> {
  const all: (string | undefined)[] = [];
  for (let n = 0; n < keys.length; n += 50) {
    const answers = await Promise.all(
      keys
        .slice(n, n + 50)
        .map((key) => new Client(router.url, { ip: freshIp() }).get("/", { "x-key": key })),
    );
    all.push(...answers.map((answer) => headerOf(answer, "x-origin")));
  }
  return all;
}

async function reconfigured(...change: Parameters<typeof vars>): Promise<(string | undefined)[]> {
  await router.kill9();
  await router.restart({ vars: vars(...change) });
  return places();
}

const countOf = (all: readonly (string | undefined)[], name: string): number =>
  all.filter((one) => one === name).length;

describe("a hashed key", () => {
  it("goes where it went, whatever the order of origins and however often the router starts", async ({
    expect,
  }) => {
    const before = await places();
    // One in three of 300, within four standard deviations.
    for (const name of "abc") expect(Math.abs(countOf(before, name) - 100)).toBeLessThan(33);
    expect(await reconfigured("cab")).toEqual(before);
    expect(await reconfigured("bca")).toEqual(before);
    expect(await new Admin(router.url).sessions()).toEqual([]);
  });

  it("moves only if its own origin goes, or to the one that comes", async ({ expect }) => {
    const before = await reconfigured("abc");
    const without = await reconfigured("ac");
    for (const [at, name] of before.entries()) {
      if (name === "b") expect("ac").toContain(without[at]);
      else expect(without[at], keys[at]).toBe(name);
    }
    const withMore = await reconfigured("dabc");
    const moved = withMore.filter((name, at) => name !== before[at]);
    expect(new Set(moved)).toEqual(new Set(["d"]));
    expect(Math.abs(moved.length - 75)).toBeLessThan(30);
  });

  it("follows the weights, and a new weight moves keys to or from that origin only", async ({
    expect,
  }) => {
    const before = await reconfigured("abc");
    const heavier = await reconfigured("abc", { a: 4 });
    for (const [at, name] of heavier.entries()) {
      if (name !== before[at]) expect(name, keys[at]).toBe("a");
    }
    expect(Math.abs(countOf(heavier, "a") - 200)).toBeLessThan(33);
  });

  it("goes to one of the others while its own origin is down", async ({ expect }) => {
    const before = await reconfigured("abc");
    const [, b] = origins;
    await b?.fail({ mode: "refuse" });
    try {
      const meanwhile = await places();
      for (const [at, name] of before.entries()) {
        if (name === "b") expect("ac").toContain(meanwhile[at]);
        else expect(meanwhile[at], keys[at]).toBe(name);
      }
    } finally {
      await b?.heal();
    }
  });
});
