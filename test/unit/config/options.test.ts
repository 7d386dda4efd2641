import { describe, expectTypeOf, it } from "vitest";

import type { RuleInput } from "../../../src/config/affinity.ts";
import type { LimpetOptions, PoolOptions, RuleTableOptions } from "../../../src/config/options.ts";
import { unknownOptions, withOptions } from "../../../src/config/with-options.ts";
import type { PoolInput } from "../../../src/config/pool.ts";

/** With every setting, however deep, required: what is optional and missing would go unnoticed. */
type Whole<T> = T extends string | number | boolean | null | undefined
  ? T
  : { readonly [K in keyof T]-?: Whole<T[K]> };

type Same<A, B> = [Whole<A>] extends [Whole<B>]
  ? [Whole<B>] extends [Whole<A>]
    ? true
    : false
  : false;

/** `affinity` apart: as options its shorthands are words of a known form, not any text. */
type Rest<T> = Omit<T, "affinity">;

describe("the types of the options", () => {
  it("are those of the schemas that validate, setting by setting", () => {
    expectTypeOf<Same<Rest<PoolOptions>, Rest<PoolInput>>>().toEqualTypeOf<true>();
    expectTypeOf<Same<RuleTableOptions, RuleInput>>().toEqualTypeOf<true>();
  });

  it("take either form, never both", () => {
    expectTypeOf({
      origins: ["https://a.example"],
      affinity: "query:sid",
    } as const).toExtend<LimpetOptions>();
    expectTypeOf({
      pools: [{ name: "a", origins: [{ url: "https://a.example" }] }],
    }).toExtend<LimpetOptions>();
    expectTypeOf({ origins: ["https://a.example"], pools: [] }).not.toExtend<LimpetOptions>();
    expectTypeOf({ origins: [""], affinity: "cookei" } as const).not.toExtend<LimpetOptions>();
  });
});

describe("options", () => {
  const env = {
    ORIGINS: ["https://env.example"],
    LOG: "debug",
    EXPOSE: "status",
    TOKEN: "t",
    KV: 1,
  };

  it("that name no origins leave the environment in force", ({ expect }) => {
    expect(withOptions({}, env)).toEqual(env);
    expect(withOptions({ log: "all" }, env)).toEqual({ ...env, LOG: "all" });
  });

  it("that name origins hide variables of another application", ({ expect }) => {
    const seen = withOptions({ pools: [], adminPath: "/ops" }, env);
    expect(seen).toMatchObject({ POOLS: [], ADMIN_PATH: "/ops", TOKEN: "t" });
    expect([seen["ORIGINS"], seen["LOG"], seen["EXPOSE"]]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("that name origins hide an Access application that guards another one", ({ expect }) => {
    const theirs = { ACCESS_TEAM: "everybody", ACCESS_AUD: "the-whole-application" };
    const hidden = withOptions({ origins: [] }, theirs);
    expect([hidden["ACCESS_TEAM"], hidden["ACCESS_AUD"]]).toEqual([undefined, undefined]);
    const access = { team: "operators", audience: "the-admin-routes-only" };
    const own = withOptions({ origins: [], access }, theirs);
    expect(own).toMatchObject({ ACCESS_TEAM: access.team, ACCESS_AUD: access.audience });
  });

  it("give bindings other names", ({ expect }) => {
    const bindings = { ADMIN_TOKEN: "TOKEN", SESSIONS_KV: "KV", METRICS: "ABSENT" };
    const seen = withOptions({ bindings }, { ...env, METRICS: "another application's" });
    expect(seen).toMatchObject({ ADMIN_TOKEN: "t", SESSIONS_KV: 1, METRICS: undefined });
  });

  it("open the admin routes to an Access application", ({ expect }) => {
    const access = { team: "my-team", audience: "a".repeat(32) };
    const seen = withOptions({ access }, { ACCESS_TEAM: "another" });
    expect(seen).toEqual({ ACCESS_TEAM: "my-team", ACCESS_AUD: "a".repeat(32) });
  });

  it("that there are not are mistakes, by name", ({ expect }) => {
    expect(unknownOptions({ origins: [], log: "all", bindings: {} })).toEqual([]);
    expect(unknownOptions({ orgins: [] })).toMatchObject([
      { path: "limpet({ orgins })", expected: expect.stringContaining("pools, origins") },
    ]);
  });
});
