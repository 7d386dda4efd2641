import { afterEach, describe, it, vi } from "vitest";

import type { Origin } from "../../../src/model.ts";
import { forward, handshakeFlaw } from "../../../src/proxy/forward.ts";
import type { Payload } from "../../../src/proxy/payload.ts";
import { arrivalOf, makePool } from "../fixtures.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const HANDSHAKE = {
  upgrade: "websocket",
  "sec-websocket-key": KEY,
  "sec-websocket-version": "13",
};

const flaw = (headers: HeadersInit, method = "GET") =>
  handshakeFlaw(arrivalOf("https://a.example/", headers, method));

function without(name: keyof typeof HANDSHAKE): Record<string, string> {
  return Object.fromEntries(Object.entries(HANDSHAKE).filter(([key]) => key !== name));
}

describe("a WebSocket handshake", () => {
  it("is without flaw when it has a key and version 13", ({ expect }) => {
    expect(flaw(HANDSHAKE)).toBeNull();
  });

  it("is refused without a key, which would leave the origin with a phantom", ({ expect }) => {
    expect(flaw(without("sec-websocket-key"))).toBe(400);
    for (const key of ["", "short", `${KEY}=`, KEY.replace("d", "*"), KEY.slice(1)]) {
      expect(flaw({ ...HANDSHAKE, "sec-websocket-key": key }), key).toBe(400);
    }
  });

  it("is told the version when it asks for another or for none", ({ expect }) => {
    expect(flaw(without("sec-websocket-version"))).toBe(426);
    expect(flaw({ ...HANDSHAKE, "sec-websocket-version": "8" })).toBe(426);
    expect(flaw({ ...HANDSHAKE, "sec-websocket-version": "13, 8" })).toBe(426);
  });

  it("is refused with another method", ({ expect }) => {
    expect(flaw(HANDSHAKE, "POST")).toBe(400);
  });

  it("is not what an ordinary request is", ({ expect }) => {
    expect(flaw({})).toBeNull();
    expect(flaw({ upgrade: "h2c" }, "POST")).toBeNull();
    expect(flaw(without("upgrade"))).toBeNull();
  });
});

describe("an origin that does not answer", () => {
  afterEach(() => vi.useRealTimers());

  const HOUR_MS = 3_600_000;
  const TIMEOUT_MS = 3_000;
  const silent = {
    ...makePool().origins[0]!,
    fetcher: { fetch: () => new Promise<Response>(() => undefined) } as unknown as Fetcher,
  } satisfies Origin;
  const NO_BODY = { next: () => null, uploaded: null, stalledSince: () => null };
  const stalled = (since: number) =>
    ({ uploaded: new Promise<never>(() => undefined), stalledSince: () => since }) as const;

  /** How it ended, if it did within the time limit from when the clock was set back an hour. */
  async function endOf(body: Partial<Payload>): Promise<string> {
    const payload = { ...NO_BODY, isReplayable: false, isBlameless: false, ...body };
    let tell = () => {};
    const slow = { enter: (onSlow: () => void) => (tell = onSlow), leave: () => undefined };
    let end = "still waiting";
    void forward(arrivalOf("https://a.example/"), silent, new Headers(), payload, TIMEOUT_MS, {
      slow,
      background: () => undefined,
    }).then(({ kind }) => (end = kind));
    vi.setSystemTime(Date.now() - HOUR_MS);
    tell();
    await vi.advanceTimersByTimeAsync(2 * TIMEOUT_MS);
    return end;
  }

  it("has no longer time limit when the clock is set back meanwhile", async ({ expect }) => {
    vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"] });
    expect(await endOf({})).toBe("timeout");
    expect(await endOf(stalled(Date.now()))).toBe("timeout");
  });
});
