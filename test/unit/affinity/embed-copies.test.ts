import { describe, it } from "vitest";

import { makeCarriers } from "../../../src/affinity/carriers.ts";
import type { Envelope } from "../../../src/affinity/embed.ts";
import { makeKeyring } from "../../../src/affinity/keyring.ts";
import { arrivalOf, makePool } from "../fixtures.ts";
import { NEW, OLD, saying } from "./fixtures.ts";

const POOL = makePool({ affinity: [{ by: "app-cookie", name: "SID", pin: "embed" }] });
const URL = "https://shop.example.com/";
const NOON = 1_790_000_000_000;

async function envelopeOf(secrets: readonly string[]): Promise<Envelope> {
  const { envelopes } = await makeCarriers(POOL, await makeKeyring(secrets));
  const [envelope] = envelopes.values();
  if (envelope === undefined) throw new Error("no envelope");
  return envelope;
}

/** A browser sends the cookie of the longer path first, whichever is newer. */
const showing = (...values: readonly string[]) =>
  arrivalOf(URL, { cookie: values.map((value) => `SID=${value}`).join("; ") });

const said = (at: number, origin = 0) =>
  saying(POOL, { origin: POOL.origins[origin]!, created: NOON, renewed: NOON + at });

/** Every order of these values. */
function orders<T>(values: readonly T[]): T[][] {
  if (values.length < 2) return [[...values]];
  return values.flatMap((first, at) =>
    orders(values.toSpliced(at, 1)).map((rest) => [first, ...rest]),
  );
}

describe("of several cookies of one name", () => {
  it("the newest genuine envelope counts, whatever stands first", async ({ expect }) => {
    const envelope = await envelopeOf([NEW]);
    const newest = said(60_000, 1);
    const genuine = await envelope.wrap("newest", newest);
    const later = await envelope.wrap("forged", said(120_000, 2));
    const values = {
      genuine,
      older: await envelope.wrap("older", said(0)),
      forged: `${later.slice(0, -6)}others`,
      plain: "a-plain-value",
    };
    for (const names of orders(Object.keys(values) as (keyof typeof values)[])) {
      const sighting = await envelope.read(showing(...names.map((name) => values[name])), null);
      expect(sighting, names.join()).toMatchObject({ kind: "carried", token: newest });
    }
  });

  it("an envelope of the old secret counts if it is the newest", async ({ expect }) => {
    const envelope = await envelopeOf([NEW, OLD]);
    const newest = said(60_000, 1);
    const old = await (await envelopeOf([OLD])).wrap("one", newest);
    const values = [await envelope.wrap("two", said(0)), old];
    for (const order of orders(values)) {
      expect(await envelope.read(showing(...order), null)).toMatchObject({
        kind: "carried",
        token: { ...newest, current: false },
      });
    }
  });

  it("none counts if each is plain or forged", async ({ expect }) => {
    const envelope = await envelopeOf([NEW]);
    const genuine = await envelope.wrap("one", said(0));
    for (const order of orders(["plain", `${genuine}x`, `${genuine}y`])) {
      expect((await envelope.read(showing(...order), null)).kind).toBe("invalid");
    }
    expect((await envelope.read(showing("plain", "other"), null)).kind).toBe("absent");
  });

  it("a second look at the same cookies says the same", async ({ expect }) => {
    const envelope = await envelopeOf([NEW]);
    const [older, newest] = [said(0), said(60_000, 1)];
    const cookies = showing(
      await envelope.wrap("one", older),
      "plain",
      await envelope.wrap("two", newest),
    );
    for (let time = 0; time < 3; time += 1) {
      expect(await envelope.read(cookies, null)).toMatchObject({ token: newest });
    }
  });
});
