import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterAll, beforeAll, describe, it, vi } from "vitest";

import { limpet } from "../../src/app.ts";
import type { RuleOptions, SessionOptions } from "../../src/config/options.ts";

/** The steps of docs/operations.md, each while isolates of the step before still serve. */

const OLD = "the-older-secret-of-at-least-32-bytes-0123456789";
const NEW = "the-newer-secret-of-at-least-32-bytes-0123456789";

interface Step {
  readonly secret?: string;
  readonly sessions?: SessionOptions;
}

const ROTATION = [OLD, `${OLD},${NEW}`, `${NEW},${OLD}`, NEW].map((secret): Step => ({ secret }));
const MORE_SHARDS = [
  { shards: 2 },
  { shards: 2, shards_before: [5] },
  { shards: 5, shards_before: [2] },
  { shards: 5 },
].map((sessions): Step => ({ sessions }));
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
  const name = `rollout-${pools}`;
  const origins = ["app-1", "app-2", "app-3"].map((one) => ({
    name: one,
    url: `https://${one}.example`,
  }));
  return async (request: Request, { sessions, secret = OLD }: Step, token = TOKEN) => {
    const ctx = createExecutionContext();
    const router = limpet({ pools: [{ name, affinity: [rule], origins, sessions }] });
    const vars = { ...env, AFFINITY_SECRET: secret, ADMIN_TOKEN: token };
    const answer = await router.fetch(request, vars, ctx);
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
  return async (step: Step, query = ""): Promise<string> => {
    const cookie = [...jar].map((pair) => pair.join("=")).join("; ");
    const headers = { cookie, "X-Session": name, "CF-Connecting-IP": ip };
    const url = `${HOST}/rooms/${name}?sid=${name}${query}`;
    const answer = await router(new Request(url, { headers }), step);
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

/** Every step but the first beside the one before it; `last` is what clients ask for at the end. */
async function rollOut(rule: RuleOptions, steps: readonly Step[], last: string) {
  const router = makeRouter(rule);
  const visitors = Array.from({ length: 6 }, () => makeClient(router));
  const visit = (step: Step, query = "") =>
    Promise.all(visitors.map((visitor) => visitor(step, query)));
  const homes = await visit(steps[0]!, "&login");
  const met: string[][] = [];
  for (const [at, after] of steps.slice(1).entries()) {
    const query = at === steps.length - 2 ? last : "";
    const before = steps[at]!;
    for (const step of [before, after, before, after]) met.push(await visit(step, query));
  }
  return { homes, met };
}

describe.concurrent("no session moves, whichever step's isolate it meets,", () => {
  it.for(KINDS)(
    "while the secret is rotated, of those in %s",
    { timeout: 60_000 },
    async ([, rule], { expect }) => {
      // Before the last step whatever the older secret has wrapped has ended, or been set anew.
      const last = typeof rule === "object" && rule.pin === "embed" ? "&login" : "";
      const { homes, met } = await rollOut(rule, ROTATION, last);
      expect(new Set(homes).size).toBeGreaterThan(1);
      expect(met).toEqual(met.map(() => homes));
    },
  );

  it("while the secret is rotated, of those in KV", { timeout: 60_000 }, async ({ expect }) => {
    const steps = ROTATION.map((step): Step => ({ ...step, sessions: { store: "kv" } }));
    const { homes, met } = await rollOut("header:X-Session", steps, "");
    expect(new Set(homes).size).toBeGreaterThan(1);
    expect(met).toEqual(met.map(() => homes));
  });

  const SHARDED = [
    ["raised", MORE_SHARDS],
    ["lowered", [...MORE_SHARDS].reverse()],
  ] as const;
  it.for(SHARDED)(
    "while the number of shards is %s",
    { timeout: 60_000 },
    async ([, steps], { expect }) => {
      for (const rule of ["header:X-Session", "cookie"] as const) {
        const { homes, met } = await rollOut(rule, steps, "");
        expect(new Set(homes).size).toBeGreaterThan(1);
        expect(met).toEqual(met.map(() => homes));
      }
    },
  );
});

describe("another ADMIN_TOKEN", () => {
  it("is the only one from then on, and ends every login", async ({ expect }) => {
    const router = makeRouter("cookie");
    const next = "the-admin-token-of-now";
    const ask = async (token: string, headers: Record<string, string>) => {
      const request = new Request(`${HOST}/__limpet/api/pools`, { headers });
      return (await router(request, {}, token)).status;
    };
    const form = new Request(`${HOST}/__limpet/login`, {
      method: "POST",
      headers: { "Sec-Fetch-Site": "same-origin" },
      body: new URLSearchParams({ token: TOKEN }),
    });
    const login = await router(form, {});
    const cookie = (login.headers.get("set-cookie") ?? "").split(";", 1)[0] ?? "";
    expect(await ask(TOKEN, { cookie })).toBe(200);
    expect(await ask(TOKEN, { authorization: `Bearer ${TOKEN}` })).toBe(200);

    expect(await ask(next, { cookie })).toBe(401);
    expect(await ask(next, { authorization: `Bearer ${TOKEN}` })).toBe(401);
    expect(await ask(next, { authorization: `Bearer ${next}` })).toBe(200);
  });
});
