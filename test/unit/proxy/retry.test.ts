import { describe, it } from "vitest";

import { isGood, isRepeatable } from "../../../src/proxy/retry.ts";
import { arrivalOf, makePool } from "../fixtures.ts";

describe("a request may be repeated", () => {
  it.for([
    ["GET", {}, true],
    ["HEAD", {}, true],
    ["OPTIONS", {}, true],
    ["POST", {}, false],
    ["PUT", {}, false],
    ["PATCH", {}, false],
    ["DELETE", {}, false],
    ["PROPFIND", {}, false],
    ["POST", { "Idempotency-Key": '"8e03978e"' }, true],
    ["DELETE", { "idempotency-key": "x" }, true],
  ] as const)("%s with %j: %s", ([method, headers, expected], { expect }) => {
    expect(isRepeatable(arrivalOf("https://a.example/", headers, method))).toBe(expected);
  });
});

describe("an attempt is good", () => {
  const { failover } = makePool({ failover: { retry_status: [502, 429] } });
  const answered = (status: number) =>
    isGood({ kind: "answered", response: new Response(null, { status }) }, failover);

  it("with any answer but those that another origin could better", ({ expect }) => {
    for (const status of [200, 204, 301, 404, 500, 503]) expect(answered(status)).toBe(true);
    for (const status of [502, 429]) expect(answered(status)).toBe(false);
  });

  it("never without an answer", ({ expect }) => {
    expect(isGood({ kind: "unreachable" }, failover)).toBe(false);
    expect(isGood({ kind: "timeout" }, failover)).toBe(false);
  });
});
