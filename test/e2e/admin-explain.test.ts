import { afterAll, beforeAll, describe, test } from "vitest";
import { Client, type ClientAnswer } from "../kit/jar.ts";
import { headerOf } from "../kit/raw-http.ts";
import { freshIp, poolOf, startScene, type Scene } from "./scene.ts";

interface Explanation {
  readonly pool: string | null;
  readonly rules: readonly {
    readonly by: string;
    readonly pin: string;
    readonly key: string | null;
    readonly verdict: string;
    readonly why: string;
    readonly origin: string | null;
    readonly age: number | null;
  }[];
  readonly candidates: readonly { origin: string; usable: boolean; why: string }[];
  readonly chosen: string | null;
  readonly outcome: string;
  readonly reason: string;
}

let scene: Scene;

beforeAll(async () => {
  scene = await startScene({
    vars: (origins) => {
      const pool = (name: string, settings: object) =>
        poolOf(origins, { name, match: [`${name}.test/*`], ...settings });
      const tiers = origins.map(({ name, url }, tier) => ({ name, url, tier }));
      return {
        EXPOSE: "status",
        POOLS: [
          pool("mixed", { affinity: ["query:sid", "cookie"], skip: ["/assets/*"] }),
          pool("tiers", { origins: tiers }),
          pool("strict", {
            affinity: [{ by: "header", name: "Mcp-Session-Id", learn: "response" }],
            failover: { on_lost: "refuse", refuse_status: 404 },
          }),
          pool("full", {
            origins: tiers.map((one, at) => ({ ...one, tier: 0, max_sessions: at === 0 ? 1 : 9 })),
          }),
        ],
      };
    },
  });
});

afterAll(() => scene.stop());

async function explained(body: object): Promise<Explanation> {
  const answer = await scene.admin.request("/api/explain", {
    method: "POST",
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Explanation;
}

async function set(pool: string, origin: string, body: object): Promise<void> {
  const path = `/api/pools/${pool}/origins/${origin}`;
  const answer = await scene.admin.request(path, { method: "PATCH", body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(await answer.text());
}

const clientOf = (pool: string) =>
  new Client(scene.url, { ip: freshIp(), headers: { host: `${pool}.test` } });
const originOf = (answer: ClientAnswer) => answer.json<{ origin: string }>().origin;
const outcomeOf = (answer: ClientAnswer) =>
  headerOf(answer, "affinity-status")?.split(";")[1]?.trim();

describe("POST /api/explain", () => {
  test("foretells where a new client goes, and does not use up the turn", async ({ expect }) => {
    await clientOf("mixed").get("/");
    const before = await scene.admin.sessions();
    const asked = { url: "http://mixed.test/", ip: freshIp() };
    const first = await explained(asked);
    for (let n = 0; n < 20; n += 1) expect(await explained(asked)).toEqual(first);
    expect(first).toMatchObject({ pool: "mixed", outcome: "new" });
    expect(first.rules.map(({ by, verdict, key }) => [by, verdict, key])).toEqual([
      ["query", "absent", null],
      ["cookie", "absent", null],
    ]);
    expect(await scene.admin.sessions()).toEqual(before);
    const answer = await clientOf("mixed").get("/");
    expect([originOf(answer), outcomeOf(answer)]).toEqual([first.chosen, first.outcome]);
  });

  test("follows a cookie, and names the session by its id in the map", async ({ expect }) => {
    const client = clientOf("mixed");
    const home = originOf(await client.get("/"));
    const told = await explained({
      url: "http://mixed.test/x",
      headers: { cookie: client.cookieHeader },
    });
    expect(told).toMatchObject({ chosen: home, outcome: "hit" });
    expect(told.candidates[0]).toEqual({
      origin: home,
      usable: true,
      why: "up: takes new sessions",
    });
    const rule = told.rules.find(({ by }) => by === "cookie");
    expect(rule).toMatchObject({ verdict: "usable", origin: home, age: 0 });
    expect(await scene.admin.get(`/api/sessions/${rule?.key}`)).toMatchObject({ origin: home });
    expect(JSON.stringify(told)).not.toContain([...client.cookies.values()][0]);
  });

  test("takes header fields as an object or as a list of pairs", async ({ expect }) => {
    const client = clientOf("mixed");
    await client.get("/");
    const [pair = ""] = client.cookieHeader.split("; ");
    const url = "http://mixed.test/";
    const one = await explained({ url, headers: { Cookie: `a=b; ${pair}` } });
    const other = await explained({
      url,
      headers: [
        ["Cookie", "a=b"],
        ["cookie", pair],
      ],
    });
    expect(one.outcome).toBe("hit");
    expect({ ...other, rules: [] }).toEqual({ ...one, rules: [] });
  });

  test("stores no key that it is asked about, and touches none", async ({ expect }) => {
    const client = clientOf("mixed");
    const home = originOf(await client.get("/?sid=known"));
    const before = await scene.admin.sessions();
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const unknown = await explained({ url: "http://mixed.test/?sid=never-seen" });
    expect(unknown.rules[0]).toMatchObject({
      verdict: "unknown",
      why: "the session map does not have it; it is stored with this request",
    });
    const known = await explained({ url: "http://mixed.test/?sid=known" });
    expect(known).toMatchObject({ chosen: home, outcome: "hit" });
    expect(await scene.admin.sessions()).toEqual(before);
    const events = await scene.admin.get<{ events: unknown[] }>("/api/events");
    expect(JSON.stringify(events)).not.toContain("never-seen");
  });

  test("says why an origin is or is not usable", async ({ expect }) => {
    const whys = async (pool: string) =>
      Object.fromEntries(
        (await explained({ url: `http://${pool}.test/` })).candidates.map((one) => [
          one.origin,
          [one.usable, one.why],
        ]),
      );
    expect(await whys("tiers")).toEqual({
      "app-1": [true, "up: takes new sessions"],
      "app-2": [false, "tier 1, and tier 0 has usable origins"],
      "app-3": [false, "tier 2, and tier 0 has usable origins"],
    });
    await set("tiers", "app-1", { state: "draining" });
    await set("tiers", "app-3", { state: "disabled" });
    expect(await whys("tiers")).toEqual({
      "app-1": [false, "draining: keeps its sessions, takes no new ones"],
      "app-2": [true, "up: takes new sessions"],
      "app-3": [false, "disabled: its sessions move away"],
    });
    for (let n = 0; n < 6; n += 1) await clientOf("full").get("/");
    expect((await whys("full"))["app-1"]).toEqual([
      false,
      "at max_sessions (1): keeps its sessions, takes no new ones",
    ]);
  });

  test("says that a session moves, and why", async ({ expect }) => {
    const client = clientOf("mixed");
    const home = originOf(await client.get("/"));
    await set("mixed", home, { state: "disabled" });
    const told = await explained({
      url: "http://mixed.test/",
      headers: { cookie: client.cookieHeader },
    });
    expect(told).toMatchObject({
      outcome: "moved",
      reason: `${home} is disabled; the session moves to ${told.chosen}.`,
    });
    expect(told.rules[1]).toMatchObject({ verdict: "lost", why: `${home} is disabled` });
    const answer = await client.get("/");
    expect([originOf(answer), outcomeOf(answer)]).toEqual([told.chosen, "moved"]);
    await set("mixed", home, { state: null });
  });

  test("knows what is refused, what makes no pin, and what no pool takes", async ({ expect }) => {
    const stranger = await explained({
      url: "http://strict.test/mcp",
      method: "POST",
      headers: { "mcp-session-id": "never-issued" },
    });
    expect(stranger).toMatchObject({ chosen: null, outcome: "refused" });
    expect(stranger.reason).toBe(
      "No origin has issued the ID that the header rule for mcp-session-id shows, and the pool refuses such sessions with 404.",
    );
    const asset = await explained({ url: "http://mixed.test/assets/x.js" });
    expect(asset.outcome).toBe("skip");
    const nowhere = await explained({ url: "http://elsewhere.test/" });
    expect(nowhere).toEqual({
      pool: null,
      rules: [],
      candidates: [],
      chosen: null,
      outcome: "none",
      reason: "No pool matches elsewhere.test/.",
    });
  });

  test.for([
    [{}, "url: expected to be given"],
    [{ url: "/relative" }, "url: expected an http or https URL of at most 8192 characters"],
    [{ url: "http://a.test/", method: "G T" }, "method: expected a method"],
    [
      { url: "http://a.test/", headers: 1 },
      "headers: expected an object of header fields, or a list of [name, value] pairs",
    ],
    [
      { url: "http://a.test/", headers: { "no good": "x" } },
      "headers, method: expected a request that can be sent",
    ],
    [{ url: "http://mixed.test/", ip: "1.2.3" }, "ip: expected an IPv4 or IPv6 address"],
    [{ url: "http://a.test/", body: "" }, 'unknown field "body"'],
  ] as const)("refuses %j", async ([body, detail], { expect }) => {
    const answer = await scene.admin.request("/api/explain", {
      method: "POST",
      body: JSON.stringify(body),
    });
    expect([answer.status, await answer.json()]).toMatchObject([400, { detail }]);
  });
});
