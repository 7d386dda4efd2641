import * as fc from "fast-check";
import { describe, it } from "vitest";

import { makeCarriers } from "../../../src/affinity/carriers.ts";
import { unwrap, unwrapCookies, type Envelope } from "../../../src/affinity/embed.ts";
import { makeKeyring } from "../../../src/affinity/keyring.ts";
import { arrivalOf, makePool } from "../fixtures.ts";
import { NEW, OLD, saying } from "./fixtures.ts";

const POOL = makePool({ affinity: [{ by: "app-cookie", name: "SID", pin: "embed" }] });
const URL = "https://shop.example.com/";

async function envelopeOf(secrets = [NEW], pool = POOL): Promise<Envelope> {
  const { envelopes } = await makeCarriers(pool, await makeKeyring(secrets));
  const [envelope] = envelopes.values();
  if (envelope === undefined) throw new Error("no envelope");
  return envelope;
}

const showing = (value: string) => arrivalOf(URL, { cookie: `a=1; SID=${value}; b=2` });
const values = fc.stringMatching(/^[!#-+\--:<-[\]-~]{0,60}$/);

describe("an envelope", () => {
  it("comes back as it went out: the pin for us, the value for the origin", async ({ expect }) => {
    const envelope = await envelopeOf();
    await fc.assert(
      fc.asyncProperty(values, async (value) => {
        const said = saying(POOL);
        const wrapped = await envelope.wrap(value, said);
        expect(unwrap(wrapped)?.value).toBe(value);
        expect(unwrapCookies(`a=1; SID=${wrapped}; b=2`, ["SID"])).toBe(`a=1; SID=${value}; b=2`);
        const sighting = await envelope.read(showing(wrapped), null);
        expect(sighting).toMatchObject({ kind: "carried", token: { ...said, current: true } });
      }),
      { numRuns: 50 },
    );
  });

  it("is bound to its value: neither can be exchanged", async ({ expect }) => {
    const envelope = await envelopeOf();
    const one = await envelope.wrap("one", saying(POOL));
    const other = await envelope.wrap("other", saying(POOL));
    const exchanged = `${one.slice(0, 99)}~other`;
    expect((await envelope.read(showing(exchanged), null)).kind).toBe("invalid");
    expect((await envelope.read(showing(other), null)).kind).toBe("carried");
    expect((await envelope.read(showing(`${one}x`), null)).kind).toBe("invalid");
  });

  it("is void when any character is changed, and the origin gets its value back", async ({
    expect,
  }) => {
    const envelope = await envelopeOf();
    const wrapped = await envelope.wrap("abc", saying(POOL));
    for (let at = 0; at < 99; at += 1) {
      const char = wrapped[at] === "A" ? "B" : "A";
      const forged = `${wrapped.slice(0, at)}${char}${wrapped.slice(at + 1)}`;
      expect((await envelope.read(showing(forged), null)).kind, `at ${at}`).toBe("invalid");
      expect(unwrapCookies(`SID=${forged}`, ["SID"])).toBe("SID=abc");
    }
  });

  it("of another pool is void", async ({ expect }) => {
    const shop = makePool({ name: "shop", affinity: POOL.rules.map(() => EMBED) });
    const wrapped = await (await envelopeOf([NEW], shop)).wrap("abc", saying(shop));
    expect((await (await envelopeOf()).read(showing(wrapped), null)).kind).toBe("invalid");
  });

  it("survives a rotation of the secret", async ({ expect }) => {
    const wrapped = await (await envelopeOf([OLD])).wrap("abc", saying(POOL));
    const rotated = await envelopeOf([NEW, OLD]);
    expect(await rotated.read(showing(wrapped), null)).toMatchObject({
      kind: "carried",
      token: { current: false },
    });
    expect((await (await envelopeOf([NEW])).read(showing(wrapped), null)).kind).toBe("invalid");
  });

  it("is none in a plain value, which stays as it is", async ({ expect }) => {
    const envelope = await envelopeOf();
    for (const plain of ["abc", "", "~", "a~b", `${"x".repeat(98)}~b`, `${"x".repeat(98)}.~b`]) {
      expect((await envelope.read(showing(plain), null)).kind, plain).toBe("absent");
      expect(unwrapCookies(`SID=${plain}; x=1`, ["SID"])).toBe(`SID=${plain}; x=1`);
    }
    expect((await envelope.read(arrivalOf(URL), null)).kind).toBe("absent");
  });
});

const EMBED = { by: "app-cookie", name: "SID", pin: "embed" };

describe("opening the Cookie header", () => {
  it("opens every copy, of every name, and changes nothing else", async ({ expect }) => {
    const envelope = await envelopeOf();
    const [one, two] = [
      await envelope.wrap("one", saying(POOL)),
      await envelope.wrap("two", saying(POOL)),
    ];
    const header = `z=${one};SID=${one};  CART=${two}; SID=${two}; XSID=${one}`;
    expect(unwrapCookies(header, ["SID", "CART"])).toBe(
      `z=${one};SID=one;  CART=two; SID=two; XSID=${one}`,
    );
    expect(unwrapCookies(header, [])).toBe(header);
  });

  it("never throws", ({ expect }) => {
    fc.assert(
      fc.property(fc.string(), (header) => {
        expect(unwrapCookies(header, ["SID", "a"])).toBeTypeOf("string");
      }),
    );
  });
});
