import * as fc from "fast-check";
import { describe, it } from "vitest";

import { makePool, originsNamed } from "../fixtures.ts";
import { mint, NEW, OLD, saying } from "./fixtures.ts";

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const CODE = { alphabet: "base64url", omitPadding: true } as const;

function withChar(text: string, at: number, char: string): string {
  return text.slice(0, at) + char + text.slice(at + 1);
}

describe("a token", () => {
  it("says what was written, in 99 characters that a cookie may hold", async ({ expect }) => {
    const { codec, pool } = await mint([NEW]);
    const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });
    const sessionId = fc
      .uint8Array({ minLength: 16, maxLength: 16 })
      .map((bytes) => bytes.toBase64(CODE));
    const generation = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    await fc.assert(
      fc.asyncProperty(
        fc.record({ sessionId, generation, created: time, renewed: time }),
        fc.constantFrom(...pool.origins),
        async (fields, origin) => {
          const text = await codec.write({ ...fields, origin });
          expect(text).toMatch(/^[\w-]{99}$/);
          expect(await codec.read(text)).toEqual({ ...fields, origin, current: true });
        },
      ),
    );
  });

  it("is void with any character changed to any other", async ({ expect }) => {
    const { codec, pool } = await mint([NEW]);
    const text = await codec.write(saying(pool));
    for (let at = 0; at < text.length; at += 1) {
      for (const char of at % 9 === 0 || at === 98 ? BASE64URL : "A_") {
        if (text[at] === char) continue;
        const forged = withChar(text, at, char);
        expect(await codec.read(forged), `character ${at}: ${forged}`).toBeNull();
      }
    }
  });

  it("is void with any bit of any byte flipped", async ({ expect }) => {
    const { codec, pool } = await mint([NEW]);
    const text = await codec.write(saying(pool));
    const bytes = Uint8Array.fromBase64(text, { alphabet: "base64url" });
    expect(bytes).toHaveLength(74);
    for (let at = 0; at < bytes.length; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const forged = bytes.slice();
        forged[at] = forged[at]! ^ (1 << bit);
        expect(await codec.read(forged.toBase64(CODE)), `byte ${at}, bit ${bit}`).toBeNull();
      }
    }
  });

  it("is void truncated, extended, padded, quoted or in pieces", async ({ expect }) => {
    const { codec, pool } = await mint([NEW]);
    const text = await codec.write(saying(pool));
    for (let length = 0; length < text.length; length += 1) {
      expect(await codec.read(text.slice(0, length))).toBeNull();
    }
    for (const other of [
      `${text}A`,
      `${text}=`,
      `"${text}"`,
      ` ${text.slice(1)}`,
      text.repeat(2),
      text.slice(50) + text.slice(0, 50),
      `${text.slice(0, 95)}    `,
      "A".repeat(99),
      "\t".repeat(99),
    ]) {
      expect(await codec.read(other), other).toBeNull();
    }
  });

  it("is void for any string that was never written, which throws nothing", async ({ expect }) => {
    const { codec } = await mint([NEW, OLD]);
    const text = fc.oneof(
      fc.string(),
      fc.stringMatching(/^[\w-]{99}$/),
      fc.uint8Array({ minLength: 74, maxLength: 74 }).map((bytes) => bytes.toBase64(CODE)),
      fc.string({ minLength: 99, maxLength: 99, unit: "binary" }),
    );
    await fc.assert(
      fc.asyncProperty(text, async (any) => {
        expect(await codec.read(any)).toBeNull();
      }),
      { numRuns: 300 },
    );
  });

  it("is void in another pool, under another rule and with another secret", async ({ expect }) => {
    const shop = await mint([NEW], makePool({ name: "shop" }));
    const api = await mint([NEW], makePool({ name: "api" }));
    const companion = await mint([NEW], makePool({ name: "shop" }), "app-cookie:SID");
    const likeNamed = await mint([NEW], makePool({ name: "shop" }), "ticket");
    const stranger = await mint([OLD], makePool({ name: "shop" }));
    const text = await shop.codec.write(saying(shop.pool));
    expect(await shop.codec.read(text)).not.toBeNull();
    for (const { codec } of [api, companion, likeNamed, stranger]) {
      expect(await codec.read(text)).toBeNull();
    }
  });

  it("is void once its origin has left the pool, and only then", async ({ expect }) => {
    const three = await mint([NEW]);
    const [first, second] = three.pool.origins;
    const toFirst = await three.codec.write(saying(three.pool, { origin: first! }));
    const toSecond = await three.codec.write(saying(three.pool, { origin: second! }));
    const later = makePool({ origins: originsNamed("app-9", "app-3", "app-2") });
    const { codec } = await mint([NEW], later);
    expect(await codec.read(toFirst)).toBeNull();
    expect((await codec.read(toSecond))?.origin).toBe(later.origins[2]);
  });

  it("is void with another version, however well it is signed", async ({ expect }) => {
    const { codec, keyring, pool } = await mint([NEW]);
    const bytes = Uint8Array.fromBase64(await codec.write(saying(pool)), { alphabet: "base64url" });
    const signed = async (version: number) => {
      bytes[0] = version;
      const context = new TextEncoder().encode("default\0cookie");
      const message = new Uint8Array([...bytes.subarray(0, 42), ...context]);
      bytes.set(
        new Uint8Array(await crypto.subtle.sign("HMAC", keyring.signing.token, message)),
        42,
      );
      return bytes.toBase64(CODE);
    };
    expect(await codec.read(await signed(1))).not.toBeNull();
    for (const version of [0, 2, 255]) expect(await codec.read(await signed(version))).toBeNull();
  });

  it("is not written for an origin of another pool", async ({ expect }) => {
    const { codec } = await mint([NEW]);
    const stranger = makePool({ origins: originsNamed("elsewhere") });
    await expect(codec.write(saying(stranger))).rejects.toThrow();
  });
});

describe("while the secret is rotated", () => {
  it("a token of the old secret counts, and is known to be old", async ({ expect }) => {
    const before = await mint([OLD]);
    const during = await mint([NEW, OLD]);
    const after = await mint([NEW]);
    const pin = saying(before.pool);
    const old = await before.codec.write(pin);
    const read = await during.codec.read(old);
    expect(read).toMatchObject({ sessionId: pin.sessionId, current: false });
    expect(read?.origin.name).toBe("app-1");
    expect(await after.codec.read(old)).toBeNull();

    const renewed = await during.codec.write({ ...read!, renewed: read!.renewed + 1 });
    expect(await during.codec.read(renewed)).toMatchObject({ current: true });
    expect(await after.codec.read(renewed)).toMatchObject({ current: true });
    expect(await before.codec.read(renewed)).toBeNull();
  });

  it("tokens of both secrets count in every isolate, in whichever order it lists them", async ({
    expect,
  }) => {
    const updated = await mint([NEW, OLD]);
    const notYet = await mint([OLD, NEW]);
    const text = await updated.codec.write(saying(updated.pool));
    expect(await notYet.codec.read(text)).toMatchObject({ current: false });
    const back = await notYet.codec.write(saying(notYet.pool));
    expect(await updated.codec.read(back)).toMatchObject({ current: false });
  });
});

describe("what a client can learn from a token", () => {
  const NAMES = ["app-1", "app-2", "app-3"];

  it("is no origin's name, address or index, in any decoding", async ({ expect }) => {
    const { codec, pool } = await mint([NEW]);
    for (const origin of pool.origins) {
      const text = await codec.write(saying(pool, { origin }));
      const bytes = Uint8Array.fromBase64(text, { alphabet: "base64url" });
      const forms = [
        text,
        bytes.toHex(),
        new TextDecoder("latin1").decode(bytes),
        decodeURIComponent(text),
        atob(text.slice(0, 96).replaceAll("-", "+").replaceAll("_", "/")),
      ];
      for (const form of forms) {
        for (const telling of [...NAMES, "example", "https", "default", "10.0.0"]) {
          expect(form.toLowerCase()).not.toContain(telling);
        }
      }
    }
  });

  it("differs between origins in what only the secret resolves", async ({ expect }) => {
    const tagOf = async (secret: string, name: string, at: number) => {
      const { codec, pool } = await mint([secret], makePool({ name }));
      const text = await codec.write(saying(pool, { origin: pool.origins[at]! }));
      return Uint8Array.fromBase64(text, { alphabet: "base64url" }).slice(18, 26).toHex();
    };
    const tags = new Set<string>();
    for (const secret of [NEW, OLD]) {
      for (const pool of ["shop", "api"]) {
        for (const at of [0, 1, 2]) tags.add(await tagOf(secret, pool, at));
      }
    }
    expect(tags.size).toBe(12);
    expect(await tagOf(NEW, "shop", 0)).toBe(await tagOf(NEW, "shop", 0));
  });

  it("has session ids that are 128 random bits", async ({ expect }) => {
    const { pool } = await mint([NEW]);
    const ids = new Set(Array.from({ length: 1_000 }, () => saying(pool).sessionId));
    expect(ids.size).toBe(1_000);
    for (const id of ids) {
      expect(Uint8Array.fromBase64(id, { alphabet: "base64url" })).toHaveLength(16);
    }
  });
});
