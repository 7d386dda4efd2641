import { describe, it } from "vitest";

import { handshakeFlaw } from "../../../src/proxy/forward.ts";
import { arrivalOf } from "../fixtures.ts";

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
