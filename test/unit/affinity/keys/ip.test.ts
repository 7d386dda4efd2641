import * as fc from "fast-check";
import { describe, it } from "vitest";

import { clientIpReader, ipKey } from "../../../../src/affinity/keys/ip.ts";
import { arrivalOf } from "../../fixtures.ts";

const URL = "https://shop.example.com/";
const arrival = arrivalOf(URL);
const key = (ip: string | null, v4 = 32, v6 = 64) => ipKey(v4, v6)(arrival, ip);

const GARBAGE = ["", " ", "unknown", "_hidden", "1.2.3", "1.2.3.4.5", "1.2.3.256", "0x7f000001"]
  .concat(["2130706433", "01.2.3.4", "1.2.3.08", "1.2.3.4/8", "::g", "1::2::3", ":", "%eth0"])
  .concat(["1.2.3.-4", "1.2.3.4.", "[::1", "localhost", "1".repeat(100), "::1".repeat(40)]);

describe("the key of an address", () => {
  it.for([
    ["203.0.113.77", 32, "203.0.113.77/32"],
    ["203.0.113.77", 24, "203.0.113.0/24"],
    ["203.0.113.77", 20, "203.0.112.0/20"],
    ["203.0.113.77", 8, "203.0.0.0/8"],
  ] as const)("%s with v4 = %i is %s", ([ip, v4, expected], { expect }) => {
    expect(key(ip, v4)).toBe(expected);
  });

  it.for([
    ["2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::/64"],
    ["2001:db8:1:2:3:4:5:6", 128, "2001:db8:1:2:3:4:5:6/128"],
    ["2001:db8:1:2ff::1", 56, "2001:db8:1:200::/56"],
    ["2001:db8:ffff::1", 33, "2001:db8:8000::/33"],
  ] as const)("%s with v6 = %i is %s", ([ip, v6, expected], { expect }) => {
    expect(key(ip, 32, v6)).toBe(expected);
  });

  it("is one for all ways to write an address", ({ expect }) => {
    expect(key("::ffff:203.0.113.77")).toBe("203.0.113.77/32");
    expect(key("::FFFF:cb00:714d")).toBe("203.0.113.77/32");
    expect(key("2001:DB8:0:0::1")).toBe(key("2001:db8::1"));
    expect(key("fe80::1%eth0")).toBe(key("fe80::1"));
    expect(key("[2001:db8::1]:443")).toBe(key("2001:db8::1"));
    expect(key("203.0.113.77:8080")).toBe(key("203.0.113.77"));
  });

  it("is one for a network and differs between networks", ({ expect }) => {
    expect(key("2001:db8:1:2::1")).toBe(key("2001:db8:1:2:ffff::9"));
    expect(key("2001:db8:1:2::1")).not.toBe(key("2001:db8:1:3::1"));
    expect(key("203.0.113.1")).not.toBe(key("203.0.113.2"));
  });

  it("is absent for what is no address", ({ expect }) => {
    for (const text of GARBAGE) expect(key(text), text).toBeNull();
    expect(key(null)).toBeNull();
  });

  it("throws on no string at all", ({ expect }) => {
    const like = fc.string({
      unit: fc.constantFrom("1", "255", ".", ":", "f", "%", "[", "]", "/"),
    });
    fc.assert(
      fc.property(fc.oneof(fc.string(), like), fc.integer({ min: 8, max: 32 }), (text, v4) => {
        expect(key(text, v4) ?? "1.1.1.1/8").toMatch(/^[\da-f.:]+\/\d+$/);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("the client's address from a header", () => {
  const reader = clientIpReader({ kind: "header", header: "cf-connecting-ip" });
  const read = (ip: string) => reader(arrivalOf(URL, { "cf-connecting-ip": ip }));

  it("is canonical", ({ expect }) => {
    expect(read("203.0.113.77")).toBe("203.0.113.77");
    expect(read("2001:DB8:0:0:0::1")).toBe("2001:db8::1");
    expect(read("::ffff:203.0.113.77")).toBe("203.0.113.77");
    expect(read("fe80::1%eth0")).toBe("fe80::1");
    expect(reader(arrival)).toBeNull();
  });

  it("is not known when the header holds anything else", ({ expect }) => {
    for (const text of GARBAGE) expect(read(text), text).toBeNull();
    expect(read("1.2.3.4, 5.6.7.8")).toBeNull();
  });
});

describe("the client's address from a chain of proxies", () => {
  const trusted = ["10.0.0.0/8", "192.0.2.1", "fd00::/8"];
  const reader = clientIpReader({ kind: "chain", header: "x-forwarded-for", trusted });
  const read = (chain: string) => reader(arrivalOf(URL, { "x-forwarded-for": chain }));

  it.for([
    ["203.0.113.7", "203.0.113.7"],
    ["203.0.113.7, 10.0.0.1", "203.0.113.7"],
    ["6.6.6.6, 203.0.113.7, 10.0.0.1, 192.0.2.1", "203.0.113.7"],
    ["6.6.6.6, 203.0.113.7", "203.0.113.7"],
    ["10.6.6.6, 203.0.113.7,10.0.0.1", "203.0.113.7"],
    ["203.0.113.7:4711, [fd00::1]:80", "203.0.113.7"],
    ["2001:db8::7, fd00::1", "2001:db8::7"],
    ["::ffff:203.0.113.7, ::ffff:10.0.0.1", "203.0.113.7"],
    ["10.0.0.3, 10.0.0.2, 10.0.0.1", "10.0.0.3"],
  ] as const)("%s is %s: the right-most that is not trusted", ([chain, ip], { expect }) => {
    expect(read(chain)).toBe(ip);
  });

  it("never is what stands left of an untrusted or unreadable hop", ({ expect }) => {
    expect(read("6.6.6.6, unknown")).toBeNull();
    expect(read("6.6.6.6, unknown, 10.0.0.1")).not.toBe("6.6.6.6");
    expect(reader(arrival)).toBeNull();
    const forged = Array.from({ length: 5_000 }, () => "6.6.6.6").join(", ");
    expect(read(`${forged}, 203.0.113.7, 10.0.0.1`)).toBe("203.0.113.7");
  });

  it("can't be chosen by the client, whatever it sends", ({ expect }) => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.stringMatching(/^[\w.:]*$/))),
        (sent) => {
          expect(read([...sent, "203.0.113.7", "10.0.0.1"].join(", "))).toBe("203.0.113.7");
        },
      ),
    );
  });
});
