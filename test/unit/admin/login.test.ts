import { afterEach, describe, it, vi } from "vitest";

import { cookieOf, HOST, loginForm, OWN, startAdmin, TOKEN, type Ask } from "./fixtures.ts";

const IN = 500;
const HTML = { accept: "text/html,application/xhtml+xml" };

async function loggedIn(ask: Ask): Promise<string> {
  return cookieOf(await ask("/login", loginForm(TOKEN)));
}

afterEach(() => {
  vi.useRealTimers();
});

describe("logging in", () => {
  it("gives a cookie for the admin's path alone", async ({ expect }) => {
    const answer = await startAdmin()("/login", loginForm(TOKEN));
    expect([answer.status, answer.headers.get("location")]).toEqual([303, "/__limpet/"]);
    const [value, ...attributes] = (answer.headers.get("set-cookie") ?? "").split("; ");
    expect(value).toMatch(/^__Secure-limpet-admin=v1\.\d+\.[\w-]{43}$/);
    expect(attributes.sort()).toEqual(
      ["HttpOnly", "Max-Age=28800", "Path=/__limpet", "SameSite=Strict", "Secure"].sort(),
    );
  });

  it("names the cookie without the prefix over plain http", async ({ expect }) => {
    const host = "http://127.0.0.1:8787";
    const answer = await startAdmin({}, host)("/login", loginForm(TOKEN, { origin: host }));
    const cookie = answer.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/^limpet-admin=v1\./);
    expect(cookie).not.toContain("Secure");
  });

  it("opens the admin for eight hours", async ({ expect }) => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const ask = startAdmin();
    const cookie = await loggedIn(ask);
    const status = async () => (await ask("/api/pools", { headers: { cookie } })).status;
    expect(await status()).toBe(IN);
    vi.setSystemTime(Date.now() + 8 * 3_600_000 - 2_000);
    expect(await status()).toBe(IN);
    vi.setSystemTime(Date.now() + 4_000);
    expect(await status()).toBe(401);
  });

  it("is void when the token changes", async ({ expect }) => {
    const cookie = await loggedIn(startAdmin());
    const later = startAdmin({ token: "another-admin-token-entirely" });
    expect((await later("/api/pools", { headers: { cookie } })).status).toBe(401);
  });

  it("can't be prolonged, cut or made up", async ({ expect }) => {
    const ask = startAdmin();
    const cookie = await loggedIn(ask);
    const [name, value = ""] = cookie.split("=");
    const [version, end, mac = ""] = value.split(".");
    const forged = [
      `${version}.${Number(end) + 1}.${mac}`,
      `v2.${end}.${mac}`,
      `${version}.${end}.${mac.slice(0, -2)}AA`,
      `${version}.${end}.`,
      `${version}.${end}`,
      `${version}.9999999999.${"A".repeat(43)}`,
      "",
      TOKEN,
    ];
    for (const one of forged) {
      const answer = await ask("/api/pools", { headers: { cookie: `${name}=${one}` } });
      expect([one, answer.status]).toEqual([one, 401]);
    }
  });

  it("of plain http is none over https", async ({ expect }) => {
    const cookie = (await loggedIn(startAdmin())).replace("__Secure-", "");
    expect((await startAdmin()("/api/pools", { headers: { cookie } })).status).toBe(401);
  });

  it("ends with logging out", async ({ expect }) => {
    const ask = startAdmin();
    const headers = { cookie: await loggedIn(ask), ...OWN };
    const answer = await ask("/logout", { method: "POST", headers });
    expect(answer.status).toBe(303);
    expect(answer.headers.get("set-cookie")).toMatch(/^__Secure-limpet-admin=; Max-Age=0; Path=/);
  });

  it("is refused from another site, and without saying where from", async ({ expect }) => {
    const ask = startAdmin();
    for (const headers of [
      { origin: "https://evil.example" },
      {},
      { "sec-fetch-site": "cross-site" },
    ]) {
      expect((await ask("/login", loginForm(TOKEN, headers))).status).toBe(403);
      expect((await ask("/logout", { method: "POST", headers })).status).toBe(403);
    }
  });

  it("takes no long form", async ({ expect }) => {
    expect((await startAdmin()("/login", loginForm("x".repeat(10_000)))).status).toBe(400);
  });

  it("does not exist without a token", async ({ expect }) => {
    const ask = startAdmin({ token: null });
    for (const path of ["/", "/login", "/api/pools", "/assets/live.js"]) {
      expect([path, (await ask(path, { headers: HTML })).status]).toEqual([path, 404]);
    }
    expect((await ask("/login", loginForm("null"))).status).toBe(404);
  });
});

describe("the login page", () => {
  it("is shown to browsers only", async ({ expect }) => {
    const ask = startAdmin();
    const page = await ask("/", { headers: HTML });
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining("<form")]);
    expect((await ask("/")).status).toBe(401);
    expect((await ask("/", { headers: { ...HTML, authorization: "Bearer x" } })).status).toBe(401);
  });

  it("says that a token is wrong, and never repeats it", async ({ expect }) => {
    const answer = await startAdmin()("/login", loginForm("not-the-admin-token"));
    expect(answer.status).toBe(401);
    expect(answer.headers.get("set-cookie")).toBeNull();
    const text = await answer.text();
    expect(text).toContain("This is not the admin token.");
    expect(text).not.toContain("not-the-admin-token");
  });

  it("allows scripts and styles from the admin's own folder only", async ({ expect }) => {
    const { headers } = await startAdmin()("/", { headers: HTML });
    const policy = headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain(`script-src ${HOST}/__limpet/assets/;`);
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain("unsafe");
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("x-frame-options")).toBe("DENY");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
  });
});

describe("writes", () => {
  const write = (headers: Record<string, string>) => ({ method: "PATCH", body: "{}", headers });

  it("by the login are refused from another site", async ({ expect }) => {
    const ask = startAdmin();
    const cookie = await loggedIn(ask);
    const status = async (headers: Record<string, string>) =>
      (await ask("/api/sessions/x", write({ cookie, ...headers }))).status;
    expect(await status(OWN)).toBe(IN);
    expect(await status({})).toBe(403);
    expect(await status({ origin: "https://evil.example" })).toBe(403);
    expect(await status({ "sec-fetch-site": "same-site" })).toBe(403);
  });

  it("of the dashboard are refused from another site as well", async ({ expect }) => {
    const ask = startAdmin();
    const cookie = await loggedIn(ask);
    for (const path of ["/ui/do", "/ui/find", "/ui/explain"]) {
      const headers = { cookie, origin: "https://evil.example" };
      const answer = await ask(path, { method: "POST", body: "action=disable", headers });
      expect([path, answer.status]).toEqual([path, 403]);
      expect([path, (await ask(path, { method: "POST" })).status]).toEqual([path, 401]);
    }
  });

  it("by a bearer token need no such thing", async ({ expect }) => {
    const authorization = `Bearer ${TOKEN}`;
    const headers = { authorization, origin: "https://evil.example" };
    expect((await startAdmin()("/api/sessions/x", write(headers))).status).toBe(IN);
  });
});

describe("wrong tokens", () => {
  const bearer = (token: string, ip: string): RequestInit => ({
    headers: { authorization: `Bearer ${token}`, "cf-connecting-ip": ip },
  });

  it("are slowed, for the address they come from", async ({ expect }) => {
    const ask = startAdmin();
    for (let n = 0; n < 5; n++) {
      expect((await ask("/api/pools", bearer("wrong", "192.0.2.1"))).status).toBe(401);
    }
    const slowed = await ask("/api/pools", bearer(TOKEN, "192.0.2.1"));
    expect([slowed.status, slowed.headers.get("retry-after")]).toEqual([429, "5"]);
    expect(await slowed.json()).toMatchObject({ code: "too_many_requests" });
    expect((await ask("/api/pools", bearer(TOKEN, "192.0.2.2"))).status).toBe(IN);
  });

  it("of the form count with those of the header", async ({ expect }) => {
    const ask = startAdmin();
    const from = { ...OWN, "cf-connecting-ip": "192.0.2.3" };
    for (let n = 0; n < 5; n++) await ask("/api/pools", bearer("wrong", "192.0.2.3"));
    const slowed = await ask("/login", loginForm(TOKEN, from));
    expect([slowed.status, slowed.headers.get("retry-after")]).toEqual([429, "5"]);
    expect(await slowed.text()).toContain("Try again in 5 s");
  });

  it("leave whoever is logged in alone", async ({ expect }) => {
    const ask = startAdmin();
    const cookie = await loggedIn(ask);
    for (let n = 0; n < 9; n++) await ask("/api/pools", bearer("wrong", "192.0.2.4"));
    const headers = { cookie, "cf-connecting-ip": "192.0.2.4" };
    expect((await ask("/api/pools", { headers })).status).toBe(IN);
  });

  it("are looked at again once the wait is over", async ({ expect }) => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const ask = startAdmin();
    for (let n = 0; n < 6; n++) await ask("/api/pools", bearer("wrong", "192.0.2.5"));
    vi.setSystemTime(Date.now() + 5_001);
    expect((await ask("/api/pools", bearer(TOKEN, "192.0.2.5"))).status).toBe(IN);
  });
});

describe("what the pages load", () => {
  it("is there without a login, under a name that changes with its content", async ({ expect }) => {
    const ask = startAdmin();
    const page = await (await ask("/", { headers: HTML })).text();
    const path = /href="\/__limpet(\/assets\/dashboard\.[0-9a-f]{12}\.css)"/.exec(page)?.[1] ?? "";
    const answer = await ask(path);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("text/css; charset=utf-8");
    expect(answer.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect((await ask("/assets/dashboard.000000000000.css")).status).toBe(401);
  });
});
