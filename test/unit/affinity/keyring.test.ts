import * as fc from "fast-check";
import { describe, it } from "vitest";

import { makeKeyring, sessionIds } from "../../../src/affinity/keyring.ts";
import type { Rule } from "../../../src/model.ts";
import { makePool } from "../fixtures.ts";
import { NEW, OLD } from "./fixtures.ts";

const [byQuery, byHeader, byIp] = makePool({ affinity: ["query:sid", "header:sid", "ip"] })
  .rules as readonly [Rule, Rule, Rule];

describe("the name of a session in the map", () => {
  it("is the same for the same key, pool, rule and secret", async ({ expect }) => {
    const one = await sessionIds(await makeKeyring([NEW]), "shop", byQuery, "abc");
    const other = await sessionIds(await makeKeyring([NEW]), "shop", byQuery, "abc");
    expect(one).toEqual(other);
    expect(one).toEqual([expect.stringMatching(/^[\w-]{22}$/)]);
  });

  it("never changes, for rows are found by it; and no other key of the secret makes it", async ({
    expect,
  }) => {
    expect(await sessionIds(await makeKeyring([NEW]), "shop", byQuery, "abc")).toEqual([
      "hQk5Ib4lq6rx3b8L6HwTZQ",
    ]);
    const { signing } = await makeKeyring([NEW]);
    const text = new TextEncoder().encode("the same for all");
    const macs = await Promise.all(
      [signing.token, signing.map, signing.tag].map(async (key) =>
        new Uint8Array(await crypto.subtle.sign("HMAC", key, text)).toHex(),
      ),
    );
    expect(new Set(macs).size).toBe(3);
  });

  it("differs between keys, pools, rules and secrets", async ({ expect }) => {
    const ids: string[] = [];
    for (const secret of [NEW, OLD]) {
      const keyring = await makeKeyring([secret]);
      for (const pool of ["shop", "api"]) {
        for (const rule of [byQuery, byHeader, byIp]) {
          for (const key of ["a", "b", "A", "a ", ""]) {
            ids.push(...(await sessionIds(keyring, pool, rule, key)));
          }
        }
      }
    }
    expect(new Set(ids).size).toBe(60);
  });

  it("comes first under the secret that signs, then under the older ones", async ({ expect }) => {
    const now = await sessionIds(await makeKeyring([NEW, OLD]), "shop", byQuery, "abc");
    const before = await sessionIds(await makeKeyring([OLD]), "shop", byQuery, "abc");
    expect(now).toHaveLength(2);
    expect(now[1]).toBe(before[0]);
    const back = await sessionIds(await makeKeyring([OLD, NEW]), "shop", byQuery, "abc");
    expect(back).toEqual(now.toReversed());
  });

  it("shows nothing of the key", async ({ expect }) => {
    const keyring = await makeKeyring([NEW]);
    const keys = fc.string({ minLength: 4, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(keys, async (key) => {
        const [id] = await sessionIds(keyring, "shop", byIp, key);
        expect(id).toMatch(/^[\w-]{22}$/);
        expect(id).not.toContain(key);
      }),
    );
  });
});

describe("a keyring", () => {
  it("signs with the first secret and keeps the order of the others", async ({ expect }) => {
    const { signing, all } = await makeKeyring([NEW, OLD]);
    expect(all).toHaveLength(2);
    expect(all[0]).toBe(signing);
    expect((await makeKeyring([OLD])).signing.id).toBe(all[1]?.id);
  });

  it("gives out no key", async ({ expect }) => {
    const { signing } = await makeKeyring([NEW]);
    for (const key of [signing.token, signing.map, signing.tag]) {
      expect(key.extractable).toBe(false);
      await expect(crypto.subtle.exportKey("raw", key)).rejects.toThrow();
    }
  });

  it("needs a secret", async ({ expect }) => {
    await expect(makeKeyring([])).rejects.toThrow();
  });
});
