import { describe, it } from "vitest";

import type { Held, Placed } from "../../../src/affinity/desk.ts";
import type { Outcome } from "../../../src/outcome.ts";
import { affinityEvent, affinityStatus } from "../../../src/route/status.ts";
import { standingOf } from "../balancing/fixtures.ts";
import { makePool } from "../fixtures.ts";

const [COOKIE, APP_COOKIE] = makePool({ affinity: ["cookie", "app-cookie:SID"] }).rules;

function placed(outcome: Outcome, of: Partial<Placed> = {}): Placed {
  return {
    kind: "placed",
    standing: standingOf("app-1"),
    outcome,
    rule: COOKIE!,
    moved: null,
    held: [],
    ...of,
  };
}

const held = (isNew: boolean) => ({ isNew }) as Held;

describe("the origin is told", () => {
  it.for([["new"], ["expired"], ["invalid"], ["degraded"]] as const)(
    "new, of a session that begins (%s)",
    ([outcome], { expect }) => {
      expect(affinityEvent(placed(outcome, { held: [held(true)] }))).toBe("new");
    },
  );

  it.for([["down"], ["drained"], ["disabled"], ["released"], ["admin"]] as const)(
    "where a session was before, and why it is not there: %s",
    ([reason], { expect }) => {
      const moved = { from: "app-2", reason };
      const event = `moved; from=app-2; reason=${reason}`;
      expect(affinityEvent(placed("moved", { moved, held: [held(false)] }))).toBe(event);
      expect(affinityEvent(placed("detour", { moved }))).toBe(event);
    },
  );

  it("nothing, of a key that a failing map was asked for", ({ expect }) => {
    const keyed = { isNew: true, key: "abc" } as Held;
    expect(affinityEvent(placed("degraded", { held: [keyed] }))).toBeNull();
    expect(affinityEvent(placed("new", { held: [keyed] }))).toBe("new");
  });

  it("nothing, of a session that it knows or of none at all", ({ expect }) => {
    expect(affinityEvent(placed("hit", { held: [held(false)] }))).toBeNull();
    // Its second request, with which it is recorded, or another rule's row for it.
    expect(affinityEvent(placed("hit", { held: [held(true)] }))).toBeNull();
    expect(affinityEvent(placed("none"))).toBeNull();
    expect(affinityEvent(placed("skip"))).toBeNull();
  });
});

describe("the client is told", () => {
  it("the outcome, the rule that decided and the origin", ({ expect }) => {
    expect(affinityStatus(placed("hit"))).toBe('limpet; hit; rule=cookie; origin="app-1"');
    expect(affinityStatus(placed("moved", { rule: APP_COOKIE! }))).toBe(
      'limpet; moved; rule=app-cookie; origin="app-1"',
    );
    expect(affinityStatus(placed("none", { rule: null }))).toBe('limpet; none; origin="app-1"');
  });

  it("that it was refused, and by which rule, without an origin", ({ expect }) => {
    expect(affinityStatus({ kind: "refused", rule: COOKIE! })).toBe("limpet; refused; rule=cookie");
    expect(affinityStatus({ kind: "nobody" })).toBe("limpet; none");
  });

  it("in a form that RFC 9651 knows", ({ expect }) => {
    const token = "[a-z*][\\w!#$%&'*+.^`|~:/-]*";
    const key = "[a-z*][a-z0-9_.*-]*";
    const item = new RegExp(`^${token}(; ?${key}(=(${token}|"[ !#-\\[\\]-~]*"))?)*$`);
    for (const outcome of ["new", "hit", "moved", "detour", "expired", "skip"] as const) {
      expect(affinityStatus(placed(outcome))).toMatch(item);
    }
  });
});
