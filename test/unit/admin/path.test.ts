import { describe, test } from "vitest";

import { adminPath } from "../../../src/admin/path.ts";

const of = adminPath("/__limpet");
const at = (path: string) => of(`https://shop.example.com${path}`);

describe("the admin's path", () => {
  test.for(["/__limpet", "/__limpet/", "/__limpet/api/x", "/__limpet?x", "/__limpet#x"])(
    "is %s",
    (path, { expect }) => {
      expect(at(path)).toBe("admin");
    },
  );

  test.for([
    "//__limpet/api",
    "///__limpet",
    "/%5F_limpet/api",
    "/__l%69mpet/api",
    "/__limpe%74",
    "/%255f_limpet/api",
    "/%25255f_limpet/api",
    "/%5f%5f%6c%69%6d%70%65%74",
    "/__LIMPET/api",
    "/__Limpet",
    "/__%4cimpet",
    "/x/../__limpet/api",
    "/x/..//__limpet",
    "/x/%2e%2e/__limpet/api",
    "/./__limpet",
    "/%2f__limpet",
    "/x/..%2f__limpet",
    "/__limpet;x=1/api",
    "/__limpet;",
    "/;x/__limpet",
    "/\\__limpet",
    "/__limpet%2fapi",
    "/__limpet\\api",
    "/__limpet%5capi",
  ])("has a look-alike in %s", (path, { expect }) => {
    expect(at(path)).toBe("look-alike");
  });

  test.for([
    "/",
    "",
    "?__limpet",
    "/?next=/__limpet/api",
    "/#/__limpet",
    "/__limpetx",
    "/x__limpet",
    "/x/__limpet",
    "/__limpet.html",
    "/__limpe",
    "/__limpet/../x/%zz".replace("/__limpet", "/_limpet"),
    "/%zz__limpet",
  ])("is not %j", (path, { expect }) => {
    expect(at(path)).toBeNull();
  });

  test("may be several segments deep", ({ expect }) => {
    const deep = adminPath("/ops/Sticky.v1");
    expect(deep("http://a/ops/Sticky.v1/api")).toBe("admin");
    expect(deep("http://a/ops//sticky%2ev1/api")).toBe("look-alike");
    expect(deep("http://a/Sticky.v1")).toBeNull();
    expect(deep("http://a/ops/Stickyxv1")).toBeNull();
  });

  test("is looked for in time proportional to the URL", ({ expect }) => {
    const started = Date.now();
    at(`/${"%25".repeat(20_000)}5f_limpet`);
    at(`/${"_%5f".repeat(20_000)}`);
    at(`/${"../".repeat(20_000)}__limpet`);
    expect(Date.now() - started).toBeLessThan(1_000);
  });
});
