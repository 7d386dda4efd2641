import { describe, it } from "vitest";

import { headerKey } from "../../../../src/affinity/keys/header.ts";
import { arrivalOf } from "../../fixtures.ts";

const ORIGIN = "https://shop.example.com";

describe("a header", () => {
  it("is read whatever the case of its name, byte for byte", ({ expect }) => {
    const arrival = arrivalOf(ORIGIN, { "Mcp-Session-Id": "aB c=, d" });
    expect(headerKey("mcp-session-id")(arrival, null)).toBe("aB c=, d");
    expect(headerKey("mcp-session")(arrival, null)).toBeNull();
  });
});
