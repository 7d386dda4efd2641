import * as fc from "fast-check";
import { describe, it } from "vitest";

import { makeCarriers } from "../../../src/affinity/carriers.ts";
import { arrivalOf, makePool } from "../fixtures.ts";
import { mint, NEW, OLD, saying } from "../affinity/fixtures.ts";
import { fieldText, runs } from "./runs.ts";

const base64url = fc.stringMatching(/^[\w-]{99}$/);

describe("a token", () => {
  it("is what this secret, pool and rule have signed, and nothing else", async ({ expect }) => {
    const { codec, pool } = await mint([NEW]);
    const others = await Promise.all([
      mint([OLD]),
      mint([NEW], makePool({ name: "shop" })),
      mint([NEW], pool, "app-cookie:SID"),
    ]);
    const genuine = await codec.write(saying(pool));
    const foreign = await Promise.all(others.map((other) => other.codec.write(saying(other.pool))));
    const spliced = fc
      .tuple(fc.constantFrom(genuine, ...foreign), fc.constantFrom(genuine, ...foreign), fc.nat(99))
      .map(([left, right, at]) => left.slice(0, at) + right.slice(at));
    await fc.assert(
      fc.asyncProperty(fc.oneof(base64url, spliced, fc.string()), async (text) => {
        const token = await codec.read(text);
        if (text === genuine) expect(token).not.toBeNull();
        else expect(token, text).toBeNull();
      }),
      runs(500),
    );
  });

  it("says the same after it was written, whatever it says", async ({ expect }) => {
    const { codec, pool } = await mint([NEW, OLD]);
    const said = fc.record({
      sessionId: fc
        .uint8Array({ minLength: 16, maxLength: 16 })
        .map((bytes) => bytes.toBase64({ alphabet: "base64url", omitPadding: true })),
      origin: fc.constantFrom(...pool.origins),
      generation: fc.integer({ min: 0, max: 0xffff_ffff }),
      created: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
      renewed: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
    });
    await fc.assert(
      fc.asyncProperty(said, async (token) => {
        const text = await codec.write(token);
        expect(text).toMatch(/^[\w-]{99}$/);
        expect(await codec.read(text)).toEqual({ ...token, current: true });
      }),
      runs(200),
    );
  });
});

describe("whatever cookies a client sends", () => {
  it("the reader says absent, invalid or carried, and throws nothing", async ({ expect }) => {
    const { keyring, codec } = await mint([NEW]);
    const pool = makePool();
    const { of } = await makeCarriers(pool, keyring);
    const [carrier] = of.values();
    const genuine = await codec.write(saying(pool));
    const cookie = fieldText("affinity=", "__Host-affinity=", genuine, ";", "; ", ", ", "=", "x=1");
    await fc.assert(
      fc.asyncProperty(cookie, async (header) => {
        const arrival = arrivalOf(
          "https://shop.example.com/",
          header === "" ? {} : { cookie: header },
        );
        const sighting = await carrier!.read(arrival, null);
        if (sighting.kind === "carried") expect(header).toMatch(new RegExp(`=[ \\t]*${genuine}`));
        else expect(["absent", "invalid"]).toContain(sighting.kind);
      }),
      runs(500),
    );
  });
});
