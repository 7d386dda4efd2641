import * as fc from "fast-check";
import { describe, it } from "vitest";

import { makeCarriers } from "../../../src/affinity/carriers.ts";
import { makeKeyring } from "../../../src/affinity/keyring.ts";
import { readersOf } from "../../../src/affinity/readers.ts";
import type { Sighting } from "../../../src/affinity/sighting.ts";
import { arrivalOf, makePool, originsNamed } from "../fixtures.ts";
import { NEW } from "./fixtures.ts";

/** What a pool with this one rule sees in a request. */
async function reader(rule: unknown) {
  const [one, two] = originsNamed("app-1", "app.2");
  const origins = [{ ...one, route: "node1" }, two];
  const pool = makePool({ affinity: [rule], origins });
  const [read] = readersOf(pool, await makeCarriers(pool, await makeKeyring([NEW])));
  return async (headers: HeadersInit, ip: string | null = null): Promise<Sighting> =>
    read!(arrivalOf("https://shop.example.com/", headers), ip);
}

describe("a rule whose pin is in the value", () => {
  const rule = { by: "app-cookie", name: "JSESSIONID", pin: "route" };

  it.for([
    ["abc.node1", "app-1"],
    ["a.b.c.node1", "app-1"],
    ["abc.app.2", "app.2"],
    [".node1", "app-1"],
    ["node1", null],
    ["abc.node12", null],
    ["abc.node", null],
    ["abc.node1.", null],
    ["abc.NODE1", null],
    ["abcnode1", null],
    ["", null],
  ] as const)("%j goes to %s", async ([value, origin], { expect }) => {
    const read = await reader(rule);
    const sighting = await read({ cookie: `JSESSIONID=${value}` });
    expect(sighting.kind).toBe(origin === null ? "absent" : "named");
    if (sighting.kind === "named") expect(sighting.origin.name).toBe(origin);
  });

  it("may use another separator", async ({ expect }) => {
    const read = await reader({ ...rule, separator: "!" });
    expect(await read({ cookie: "JSESSIONID=abc!node1" })).toMatchObject({ kind: "named" });
    expect(await read({ cookie: "JSESSIONID=abc.node1" })).toMatchObject({ kind: "absent" });
  });

  it("finds the label behind anything", async ({ expect }) => {
    const read = await reader({ by: "header", name: "x-session", pin: "route" });
    const key = fc.stringMatching(/^[!-~]{0,300}$/);
    await fc.assert(
      fc.asyncProperty(key, async (any) => {
        const sighting = await read({ "x-session": `${any}.node1` });
        expect(sighting).toMatchObject({ kind: "named", origin: { name: "app-1" } });
      }),
    );
  });
});

describe("a rule whose pin is elsewhere", () => {
  it.for([
    ["map", "keyed"],
    ["hash", "hashed"],
  ] as const)("with pin = %s is %s by what it reads", async ([pin, kind], { expect }) => {
    const read = await reader({ by: "header", name: "x-session", pin });
    expect(await read({ "x-session": "abc" })).toMatchObject({ kind, key: "abc" });
  });

  it("is absent when the key is missing or empty", async ({ expect }) => {
    const read = await reader("app-cookie:SID");
    expect(await read({})).toMatchObject({ kind: "absent" });
    expect(await read({ cookie: "SID=" })).toMatchObject({ kind: "absent" });
  });

  it("reads the client's network", async ({ expect }) => {
    const read = await reader({ by: "ip", v4: 24 });
    expect(await read({}, "203.0.113.9")).toMatchObject({ kind: "keyed", key: "203.0.113.0/24" });
    expect(await read({}, null)).toMatchObject({ kind: "absent" });
  });
});
