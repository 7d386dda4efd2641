import { describe, it } from "vitest";

import { makeAttempts } from "../../../src/admin/attempts.ts";

const NOW = 1_800_000_000_000;

/** So many wrong tokens from one address, a second apart, each looked at. */
function tried(times: number, address = "192.0.2.1") {
  const attempts = makeAttempts();
  for (let n = 0; n < times; n++) attempts.note(address, NOW + n * 1_000);
  return { attempts, last: NOW + (times - 1) * 1_000 };
}

describe("slowing who tries tokens", () => {
  it("lets four wrong ones pass and makes the fifth wait", ({ expect }) => {
    const four = tried(4);
    expect(four.attempts.waitSeconds("192.0.2.1", four.last)).toBe(0);
    const five = tried(5);
    expect(five.attempts.waitSeconds("192.0.2.1", five.last)).toBe(5);
    expect(five.attempts.waitSeconds("192.0.2.1", five.last + 5_000)).toBe(0);
  });

  it("makes each further one wait twice as long, up to five minutes", ({ expect }) => {
    const { attempts, last } = tried(5);
    let now = last;
    const waits = Array.from({ length: 9 }, () => {
      now += attempts.waitSeconds("192.0.2.1", now) * 1_000;
      attempts.note("192.0.2.1", now);
      return attempts.waitSeconds("192.0.2.1", now);
    });
    expect(waits).toEqual([10, 20, 40, 80, 160, 300, 300, 300, 300]);
  });

  it("forgets after a quiet time, and after the right token", ({ expect }) => {
    const { attempts, last } = tried(5);
    attempts.note("192.0.2.1", last + 71_000);
    expect(attempts.waitSeconds("192.0.2.1", last + 71_000)).toBe(0);
    const other = tried(5);
    other.attempts.forget("192.0.2.1");
    expect(other.attempts.waitSeconds("192.0.2.1", other.last)).toBe(0);
  });

  it("never counts wrong ones that are more than a minute apart together", ({ expect }) => {
    const attempts = makeAttempts();
    for (let n = 0; n < 20; n++) attempts.note("192.0.2.1", NOW + n * 61_000);
    expect(attempts.waitSeconds("192.0.2.1", NOW + 19 * 61_000)).toBe(0);
  });

  it("concerns one IPv4 address or one IPv6 /64", ({ expect }) => {
    const v4 = tried(5);
    expect(v4.attempts.waitSeconds("192.0.2.2", v4.last)).toBe(0);
    const v6 = tried(5, "2001:db8:1:2::1");
    expect(v6.attempts.waitSeconds("2001:db8:1:2:ffff::9", v6.last)).toBe(5);
    expect(v6.attempts.waitSeconds("2001:db8:1:3::1", v6.last)).toBe(0);
  });

  it("remembers a bounded number of networks", ({ expect }) => {
    const { attempts, last } = tried(5);
    for (let n = 0; n < 3_000; n++) attempts.note(`10.0.${n >> 8}.${n & 255}`, last);
    expect(attempts.waitSeconds("192.0.2.1", last)).toBe(0);
  });
});
