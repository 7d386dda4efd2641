import * as fc from "fast-check";
import { describe, it } from "vitest";

import { arrive } from "../../../src/shared/arrival.ts";
import { payloadOf, type Payload } from "../../../src/proxy/payload.ts";

const MIB = 1_048_576;

/** A body that comes in these chunks, each filled with its number. */
function chunked(sizes: readonly number[]) {
  const seen = { pulled: 0 };
  const body = new ReadableStream({
    // As the body of a request from the network is.
    type: "bytes",
    pull(controller) {
      const size = sizes[seen.pulled];
      if (size === undefined) {
        controller.close();
        controller.byobRequest?.respond(0);
        return;
      }
      controller.enqueue(new Uint8Array(size).fill(seen.pulled % 251));
      seen.pulled += 1;
    },
  });
  const bytes = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
  let at = 0;
  for (const [index, size] of sizes.entries()) {
    bytes.fill(index % 251, at, at + size);
    at += size;
  }
  return { body, bytes, seen };
}

function arrivalOf(body: BodyInit | null, headers: HeadersInit = {}, method = "POST") {
  return arrive(new Request("https://a.example/", { method, headers, body }), 0);
}

async function payload(
  body: BodyInit | null,
  mayRepeat = true,
  headers: HeadersInit = {},
): Promise<Payload> {
  const made = await payloadOf(arrivalOf(body, headers), mayRepeat);
  if (made === null) throw new Error("no payload");
  return made;
}

const sent = async (one: Payload) => new Uint8Array(await new Response(one.next()).arrayBuffer());
const isSame = (one: Uint8Array, other: Uint8Array) =>
  one.length === other.length && one.every((byte, at) => byte === other[at]);

describe("a body that may be sent again", () => {
  it("is kept up to 1 MiB, and the same every time", async ({ expect }) => {
    const { body, bytes } = chunked([1_000, 500_000, MIB - 501_000]);
    const one = await payload(body);
    expect(one.isReplayable).toBe(true);
    for (let attempt = 0; attempt < 3; attempt += 1) {
      expect(isSame(await sent(one), bytes)).toBe(true);
    }
  });

  it("goes out once, whole and in order, when it is longer", async ({ expect }) => {
    for (const sizes of [[MIB + 1], [MIB, 1], [1, MIB, 7], [600_000, 600_000, 600_000, 5]]) {
      const { body, bytes } = chunked(sizes);
      const one = await payload(body);
      expect(one.isReplayable, String(sizes)).toBe(false);
      expect(isSame(await sent(one), bytes), String(sizes)).toBe(true);
    }
  });

  it("is not read ahead when it says that it is longer", async ({ expect }) => {
    const { body, bytes, seen } = chunked([...Array(16).fill(MIB / 16), 1]);
    const one = await payload(body, true, { "content-length": String(MIB + 1) });
    expect(one.isReplayable).toBe(false);
    expect(seen.pulled).toBeLessThan(4);
    expect(isSame(await sent(one), bytes)).toBe(true);
  });

  it("arrives byte for byte, however it is cut", async ({ expect }) => {
    const sizes = fc.array(fc.oneof(fc.nat({ max: 300_000 }), fc.constantFrom(1, MIB)), {
      minLength: 1,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(sizes, fc.boolean(), async (list, mayRepeat) => {
        const positive = list.map((size) => Math.max(1, size));
        const { body, bytes } = chunked(positive);
        const one = await payload(body, mayRepeat);
        expect(one.isReplayable).toBe(mayRepeat && bytes.length <= MIB);
        expect(isSame(await sent(one), bytes)).toBe(true);
      }),
      { numRuns: 25 },
    );
  });
});

describe("a body that may not be sent again", () => {
  it("streams, and says when all of it is gone", async ({ expect }) => {
    const { body, bytes } = chunked([10, 20]);
    const one = await payload(body, false);
    expect(one.isReplayable).toBe(false);
    expect(isSame(await sent(one), bytes)).toBe(true);
    expect(await one.uploaded).toBe("sent");
  });
});

describe("no body", () => {
  it("can be sent again", async ({ expect }) => {
    for (const one of [
      await payload(null),
      await payload(null, false),
      await payload("", true, { "content-length": "0" }),
    ]) {
      expect(one.isReplayable).toBe(true);
      expect(one.next()).toBeNull();
    }
  });
});

describe("a client that breaks off", () => {
  const breaking = () =>
    new ReadableStream({
      type: "bytes",
      pull(controller) {
        controller.error(new Error("the client went away"));
      },
    });

  it("leaves nothing to send, where the body is read first", async ({ expect }) => {
    expect(await payloadOf(arrivalOf(breaking()), true)).toBeNull();
  });

  it("is told from an origin that takes no more", async ({ expect }) => {
    const one = await payload(breaking(), false);
    await sent(one).catch(() => null);
    expect(await one.uploaded).toBe("broken");
  });
});
