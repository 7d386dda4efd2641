import { describe, it } from "vitest";

import { checkPools } from "../../../src/config/config.ts";
import type { Problem } from "../../../src/model.ts";

const origins = [{ url: "https://app-1.example.com" }];

function pathsOf(pools: readonly Readonly<Record<string, unknown>>[]): string[] {
  const problems: Problem[] = [];
  checkPools(
    pools.map((pool) => ({ origins, ...pool })),
    () => null,
    problems,
  );
  return problems.map(({ path }) => path);
}

const named = (name: string) => ({ by: "cookie", cookie: { name } });

describe("cookies that would overwrite each other", () => {
  it("are two of ours in one pool", ({ expect }) => {
    const affinity = [
      named("s"),
      { by: "app-cookie", name: "ID", pin: "cookie", cookie: { name: "s" } },
    ];
    expect(pathsOf([{ name: "a", affinity }])).toEqual(["POOLS[0].affinity[1]"]);
  });

  it("are ours and the application's", ({ expect }) => {
    expect(pathsOf([{ name: "a", affinity: ["app-cookie:s", named("s")] }])).toEqual([
      "POOLS[0].affinity[1]",
    ]);
  });

  it("are those of two pools that may share a host", ({ expect }) => {
    const pools = (left: string[], right: string[]) => [
      { name: "a", match: left, affinity: [named("s")] },
      { name: "b", match: right, affinity: [named("s")] },
    ];
    expect(pathsOf(pools([], ["x.example/*"]))).toEqual(["POOLS[1].affinity[0]"]);
    expect(pathsOf(pools(["*.example/*"], ["x.example/*"]))).toEqual(["POOLS[1].affinity[0]"]);
    expect(pathsOf(pools(["x.example/a/*"], ["X.example/b/*"]))).toEqual(["POOLS[1].affinity[0]"]);
    expect(pathsOf(pools(["x.example/*"], ["y.example/*"]))).toEqual([]);
  });

  it("are default names that happen to be alike", ({ expect }) => {
    const companion = { by: "app-cookie", name: "sid", pin: "cookie" };
    expect(
      pathsOf([
        { name: "default", affinity: [companion] },
        { name: "sid", affinity: ["cookie"] },
      ]),
    ).toEqual(["POOLS[1].affinity[0]"]);
  });

  it("are not those of the usual pools", ({ expect }) => {
    const affinity = ["app-cookie:JSESSIONID", "cookie"];
    expect(
      pathsOf([
        { name: "default", affinity },
        { name: "shop", affinity },
      ]),
    ).toEqual([]);
  });
});
