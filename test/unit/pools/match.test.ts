import * as fc from "fast-check";
import { describe, it } from "vitest";

import { hostMatcher, pathMatcher, poolFor } from "../../../src/pools/match.ts";
import { makePool } from "../fixtures.ts";

const takes = (globs: readonly string[], host: string, path = "/") =>
  hostMatcher(makePool({ match: globs }))(host, path);

/** The simple reference: a glob as a regular expression. */
function reference(glob: string, text: string): boolean {
  const source = glob.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\/-]/g, "\\$&"));
  return new RegExp(`^${source.join("[^]*")}$`).test(text);
}

describe("a path glob", () => {
  it("fits what a regular expression with .* fits", ({ expect }) => {
    const unit = fc.constantFrom("a", "b", "/", "*", ".");
    const glob = fc.string({ unit, maxLength: 8 }).map((text) => `/${text}`);
    const path = fc.string({ unit, maxLength: 12 }).map((text) => `/${text}`);
    fc.assert(
      fc.property(fc.array(glob, { maxLength: 3 }), path, (globs, text) => {
        expect(pathMatcher(globs)(text)).toBe(globs.some((one) => reference(one, text)));
      }),
      { numRuns: 3_000 },
    );
  });

  it.for([
    ["/assets/*", "/assets/", true],
    ["/assets/*", "/assets/a/b.css", true],
    ["/assets/*", "/assets", false],
    ["/assets/*", "/x/assets/a", false],
    ["/*.css", "/a/b.css", true],
    ["/*.css", "/a/b.css/", false],
    ["/a*b*c", "/abbbcabc", true],
    ["/exact", "/exact", true],
    ["/exact", "/exactly", false],
    ["/Case", "/case", false],
    ["/a.c", "/abc", false],
  ] as const)("%s on %s: %s", ([glob, path, fits], { expect }) => {
    expect(pathMatcher([glob])(path)).toBe(fits);
  });

  it("none of them fits nothing", ({ expect }) => {
    expect(pathMatcher([])("/")).toBe(false);
  });

  it("stays cheap against a path made to trap it", ({ expect }) => {
    const glob = `/${"a*".repeat(50)}b`;
    expect(pathMatcher([glob])(`/${"a".repeat(8_000)}`)).toBe(false);
    expect(pathMatcher([glob])(`/${"a".repeat(8_000)}b`)).toBe(true);
  });
});

describe("a pool's match", () => {
  it.for([
    [[], "any.example", "/any", true],
    [["shop.example.com/*"], "shop.example.com", "/", true],
    [["shop.example.com/*"], "SHOP.Example.COM", "/x", true],
    [["SHOP.example.com/*"], "shop.example.com", "/x", true],
    [["shop.example.com/*"], "shop.example.com:8443", "/x", true],
    [["localhost:8787/*"], "localhost:8787", "/x", true],
    [["shop.example.com/*"], "shop.example.com.evil.example", "/", false],
    [["shop.example.com/*"], "xshop.example.com", "/", false],
    [["*.example.com/cart/*"], "a.b.example.com", "/cart/1", true],
    [["*.example.com/cart/*"], "example.com", "/cart/1", false],
    [["*.example.com/cart/*"], "shop.example.com", "/Cart/1", false],
    [["shop.example.com"], "shop.example.com", "/any/path", true],
    [["/api/*"], "any.example", "/api/v1", true],
    [["/api/*"], "any.example", "/apis", false],
    [["a.example/*", "b.example/*"], "b.example", "/", true],
  ] as const)("%j takes %s%s: %s", ([globs, host, path, fits], { expect }) => {
    expect(takes(globs, host, path)).toBe(fits);
  });

  it("ignores case and port of any host, and never the path's case", ({ expect }) => {
    const host = fc.stringMatching(/^[a-z]{1,5}\.[a-z]{1,5}$/);
    const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: null });
    fc.assert(
      fc.property(host, port, (name, number) => {
        const sent = number === null ? name.toUpperCase() : `${name.toUpperCase()}:${number}`;
        expect(takes([`${name}/x`], sent, "/x")).toBe(true);
        expect(takes([`${name}/x`], sent, "/X")).toBe(false);
      }),
    );
  });
});

describe("the pools", () => {
  it("are asked in order, and the first that fits takes the request", ({ expect }) => {
    const pools = [["cart.example/*"], ["*.example/*"], []].map((globs, at) => ({
      name: `pool-${at}`,
      match: hostMatcher(makePool({ match: globs })),
    }));
    expect(poolFor(pools, "cart.example", "/")?.name).toBe("pool-0");
    expect(poolFor(pools, "shop.example", "/")?.name).toBe("pool-1");
    expect(poolFor(pools, "elsewhere.test", "/")?.name).toBe("pool-2");
    expect(poolFor(pools.slice(0, 2), "elsewhere.test", "/")).toBeNull();
  });
});
