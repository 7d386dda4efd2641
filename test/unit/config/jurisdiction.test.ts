import { describe, it } from "vitest";

import { configOf, ONE_ORIGIN, problemsOf } from "./fixtures.ts";

const ORIGINS = ONE_ORIGIN;
const offering = { getByName: () => ({}), jurisdiction: () => offering };
const NAMESPACES = { SESSION_MAP: offering, POOL_STATE: offering };

describe("JURISDICTION", () => {
  it("is a jurisdiction of the platform's, or none", ({ expect }) => {
    expect(configOf({ ORIGINS }).jurisdiction).toBeNull();
    expect(configOf({ ORIGINS, JURISDICTION: "" }).jurisdiction).toBeNull();
    for (const one of ["eu", "us", "fedramp", "fedramp-high"]) {
      expect(configOf({ ...NAMESPACES, ORIGINS, JURISDICTION: one }).jurisdiction).toBe(one);
    }
  });

  it("that there is not is told, beside all other problems", ({ expect }) => {
    for (const JURISDICTION of ["EU", "europe", 1, ["eu"]]) {
      const problems = problemsOf({ ...NAMESPACES, ORIGINS: ["app-1"], JURISDICTION });
      expect(problems).toMatchObject([
        { path: "ORIGINS[0]" },
        { path: "JURISDICTION", value: JSON.stringify(JURISDICTION) },
      ]);
    }
  });

  it("is refused beside pools that keep their sessions in KV, which has none", ({ expect }) => {
    const origins = [{ url: "https://app-1.example.com" }];
    const SESSIONS_KV = { getWithMetadata: () => null };
    const POOLS = [
      { name: "map", origins, match: ["a.example/*"] },
      { name: "far", origins, match: ["b.example/*"], sessions: { store: "kv" } },
    ];
    const vars = { ...NAMESPACES, SESSIONS_KV, POOLS };
    expect(problemsOf(vars)).toEqual([]);
    const [problem, ...more] = problemsOf({ ...vars, JURISDICTION: "eu" });
    expect(more).toEqual([]);
    expect(problem).toMatchObject({ path: "JURISDICTION", value: '"eu"' });
    expect(problem?.expected).toContain('pool "far"');
  });

  it("is refused where the runtime has none: sessions are not kept just anywhere instead", ({
    expect,
  }) => {
    const lacking = {
      getByName: () => ({}),
      jurisdiction: () => {
        throw new Error("not implemented here");
      },
    };
    const vars = { ORIGINS, SESSION_MAP: offering, POOL_STATE: lacking };
    expect(problemsOf(vars)).toEqual([]);
    const [problem] = problemsOf({ ...vars, JURISDICTION: "eu" });
    expect(problem).toMatchObject({ path: "JURISDICTION", value: '"eu"' });
    expect(problem?.expected).toContain("not implemented here");
  });
});
