import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterAll, beforeAll, describe, it, vi } from "vitest";

import { limpet } from "../../src/app.ts";
import type { RuleOptions } from "../../src/config/options.ts";

/** The steps of docs/operations.md, each while isolates of the step before still serve. */

const OLD = "the-older-secret-of-at-least-32-bytes-0123456789";
const NEW = "the-newer-secret-of-at-least-32-bytes-0123456789";
const STEPS = [OLD, `${OLD},${NEW}`, `${NEW},${OLD}`, NEW];
const TOKEN = "the-admin-token-of-before";
const HOST = "https://shop.example";

const KINDS: readonly (readonly [string, RuleOptions])[] = [
  ["our cookie", "cookie"],
  ["a companion cookie", { by: "app-cookie", name: "SID", pin: "cookie" }],
  ["an application's cookie that it wraps", { by: "app-cookie", name: "SID", pin: "embed" }],
  ["the map, by an application's cookie", "app-cookie:SID"],
  ["the map, by a header", "header:X-Session"],
  ["the map, by the query", "query:sid"],
  ["the map, by the path", { by: "path", pattern: "/rooms/:room", pin: "map" }],
  ["the map, by the address", "ip"],
];

let pools = 0;
let clients = 0;

/** A router whose every request meets an isolate that knows nothing yet. */
function makeRouter(rule: RuleOptions) {
  pools += 1;
  const origins = ["app-1", "app-2", "app-3"].map((name) => ({
    name,
    url: `https://${name}.example`,
  }));
  const pool = { name: `rotation-${pools}`, affinity: [rule], origins, sessions: { shards: 2 } };
  return async (request: Request, vars: object): Promise<Response> => {
    const ctx = createExecutionContext();
    const answer = await limpet({ pools: [pool] }).fetch(request, { ...env, ...vars }, ctx);
    await answer.clone().text();
    await waitOnExecutionContext(ctx);
    return answer;
  };
}

type Router = ReturnType<typeof makeRouter>;

/** A client with a jar, and every other kind of key. */
function makeClient(router: Router) {
  clients += 1;
  const name = `visitor-${clients}`;
  const ip = `198.51.100.${clients}`;
  const jar = new Map<string, string>();
  return async (secret: string, query = ""): Promise<string> => {
    const cookie = [...jar].map((pair) => pair.join("=")).join("; ");
    const headers = { cookie, "X-Session": name, "CF-Connecting-IP": ip };
    const url = `${HOST}/rooms/${name}?sid=${name}${query}`;
    const answer = await router(new Request(url, { headers }), { AFFINITY_SECRET: secret });
    for (const line of answer.headers.getSetCookie()) {
      const [, of = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      jar.set(of, value);
    }
    return answer.text();
  };
}

beforeAll(() => {
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
    const url = new URL(input instanceof Request ? input.url : String(input));
    const logsIn = url.search.includes("login");
    const headers = logsIn ? { "set-cookie": `SID=${crypto.randomUUID()}; Path=/` } : {};
    return new Response(url.host, { headers });
  });
});

afterAll(() => {
  vi.restoreAllMocks();
});

it.concurrent.for(KINDS)(
  "sessions in %s stay while the secret is rotated, whichever step's isolate they meet",
  { timeout: 30_000 },
  async ([, rule], { expect }) => {
    const router = makeRouter(rule);
    const visitors = Array.from({ length: 6 }, () => makeClient(router));
    const homes = await Promise.all(visitors.map((visit) => visit(OLD, "&login")));
    expect(new Set(homes).size).toBeGreaterThan(1);
    for (let step = 1; step < STEPS.length; step += 1) {
      const [before = "", after = ""] = STEPS.slice(step - 1);
      // Before the last step whatever the older secret has wrapped has ended, or been set anew.
      const isRenewed =
        step === STEPS.length - 1 && typeof rule === "object" && rule.pin === "embed";
      for (const secret of [before, after, before, after]) {
        const query = isRenewed ? "&login" : "";
        const at = await Promise.all(visitors.map((visit) => visit(secret, query)));
        expect(at).toEqual(homes);
      }
    }
  },
);

describe("another ADMIN_TOKEN", () => {
  it("is the only one from then on, and ends every login", async ({ expect }) => {
    const router = makeRouter("cookie");
    const next = "the-admin-token-of-now";
    const ask = async (token: string, headers: Record<string, string>) => {
      const request = new Request(`${HOST}/__limpet/api/pools`, { headers });
      const vars = { AFFINITY_SECRET: OLD, ADMIN_TOKEN: token };
      return (await router(request, vars)).status;
    };
    const form = new Request(`${HOST}/__limpet/login`, {
      method: "POST",
      headers: { "Sec-Fetch-Site": "same-origin" },
      body: new URLSearchParams({ token: TOKEN }),
    });
    const login = await router(form, { AFFINITY_SECRET: OLD, ADMIN_TOKEN: TOKEN });
    const cookie = (login.headers.get("set-cookie") ?? "").split(";", 1)[0] ?? "";
    expect(await ask(TOKEN, { cookie })).toBe(200);
    expect(await ask(TOKEN, { authorization: `Bearer ${TOKEN}` })).toBe(200);

    expect(await ask(next, { cookie })).toBe(401);
    expect(await ask(next, { authorization: `Bearer ${TOKEN}` })).toBe(401);
    expect(await ask(next, { authorization: `Bearer ${next}` })).toBe(200);
  });
});
