import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import { Client, type ClientAnswer } from "../kit/jar.ts";
import { startOrigin, type Origin } from "../kit/origins.ts";
import { headerOf } from "../kit/raw-http.ts";
import { startRouter, type Router } from "../kit/workerd.ts";
import { Admin, adminToken, freshIp, poolOf, secret } from "./scene.ts";

const kinds = {
  cookie: { by: "cookie" },
  companion: { by: "app-cookie", name: "SID", pin: "cookie" },
  learned: { by: "app-cookie", name: "SID" },
  wrapped: { by: "app-cookie", name: "SID", pin: "embed" },
  header: { by: "header", name: "X-Key" },
  query: { by: "query", name: "sid" },
  path: { by: "path", pattern: "/:room", pin: "map" },
  ip: { by: "ip" },
};
const names = Object.keys(kinds);
const each = 12;
const storage = mkdtempSync(join(tmpdir(), "limpet-promise-"));
const secrets = { AFFINITY_SECRET: secret, ADMIN_TOKEN: adminToken };

let origins: readonly Origin[];
let router: Router;

beforeAll(async () => {
  origins = await Promise.all(
    ["a", "b", "c", "d", "e", "f"].map((name) =>
      startOrigin({
        name,
        handler: (_, response) => (response.setHeader("x-origin", name), false),
      }),
    ),
  );
});

afterAll(async () => {
  await router?.stop();
  await Promise.all((origins ?? []).map((origin) => origin.stop()));
  rmSync(storage, { recursive: true, force: true });
});

interface Settings {
  readonly sessions?: object;
  readonly balance?: string;
}

/** One pool per kind of pin, with these origins in this order. */
function vars(letters: string, settings: Settings = {}): Record<string, unknown> {
  const chosen = [...letters].flatMap((letter) => origins.filter(({ name }) => name === letter));
  const pools = Object.entries(kinds).map(([name, rule]) =>
    poolOf(chosen, { name, match: [`${name}.test/*`], affinity: [rule], ...settings }),
  );
  return { EXPOSE: "status", POOLS: pools };
}

const originOf = (answer: ClientAnswer): string | undefined => headerOf(answer, "x-origin");
const outcomeOf = (answer: ClientAnswer): string | undefined =>
  headerOf(answer, "affinity-status")?.split(";")[1]?.trim();

/** The same router again, after an end without warning. */
async function again(changes: Parameters<Router["restart"]>[0]): Promise<void> {
  await router.kill9();
  await router.restart(changes);
}

type Session = readonly [label: string, origin: string | undefined, Client, path: string];

/** Sessions of every kind, each with a client of its own. */
async function open(label: string): Promise<Session[]> {
  const sessions: Session[] = [];
  for (const name of names) {
    for (let n = 0; n < each; n++) {
      const key = `${label}-${n}`;
      const client = new Client(router.url, {
        ip: freshIp(),
        headers: { host: `${name}.test`, "x-key": key },
      });
      const path = `/${key}?sid=${key}`;
      const first = await client.get(`${path}&cookie=SID%3D${name}-${key}`);
      sessions.push([`${name} ${n}`, originOf(first), client, path]);
    }
  }
  return sessions;
}

const expected = (sessions: readonly Session[]): string[] =>
  sessions.map(([label, origin]) => `${label}: hit ${origin}`);

async function found(sessions: readonly Session[]): Promise<string[]> {
  const lines: string[] = [];
  for (const [label, , client, path] of sessions) {
    const answer = await client.get(path);
    lines.push(`${label}: ${outcomeOf(answer)} ${originOf(answer)}`);
  }
  return lines;
}

describe("the promise: no session with a map or cookie pin moves", () => {
  it("when origins are added, reordered, weighted anew, or balancing changes", async ({
    expect,
  }) => {
    router = await startRouter({ storage, secrets, vars: vars("abc") });
    const sessions = await open("first");
    expect(new Set(sessions.map(([, origin]) => origin)).size).toBe(3);
    const changes: [string, Settings][] = [
      ["cab", {}],
      ["dacbe", {}],
      ["fedcba", { balance: "least-sessions" }],
      ["bcaf", { balance: "hash" }],
    ];
    for (const [letters, settings] of changes) {
      await again({ vars: vars(letters, settings) });
      expect(await found(sessions), letters).toEqual(expected(sessions));
    }
  });

  it("when the secret is rotated, then the old one dropped", async ({ expect }) => {
    const sessions = await open("secret");
    const fresh = "another-end-to-end-secret-0123456789";
    await again({ secrets: { ...secrets, AFFINITY_SECRET: `${fresh},${secret}` } });
    expect(await found(sessions)).toEqual(expected(sessions));
    expect(await found(sessions)).toEqual(expected(sessions));
    await again({ secrets: { ...secrets, AFFINITY_SECRET: fresh } });
    // A wrapper is the app's to renew: without the app setting it again, it is as old as its key.
    const kept = sessions.filter(([label]) => !label.startsWith("wrapped"));
    expect(await found(kept)).toEqual(expected(kept));
    await again({ secrets });
  });

  it("when the map gets more shards", async ({ expect }) => {
    await router.stop();
    router = await startRouter({ secrets, vars: vars("abcdef", { sessions: { shards: 3 } }) });
    const sessions = await open("shards");
    const mapped = sessions.filter(([label]) => /^(learned|header|query|path|ip)/.test(label));
    const admin = new Admin(router.url);
    expect(await admin.sessions("&pool=header")).toHaveLength(each);
    const raised = { sessions: { shards: 16, shards_before: [3] } };
    await again({ vars: vars("abcdef", raised) });
    expect(await admin.sessions("&pool=header")).toHaveLength(each);
    expect(await found(sessions)).toEqual(expected(sessions));
    expect(await admin.sessions("&pool=header")).toHaveLength(each);
    await again({ vars: vars("fedcba", raised) });
    expect(await found(sessions)).toEqual(expected(sessions));
    await again({ vars: vars("abcdef", { sessions: { shards: 16 } }) });
    expect(await found(mapped)).toEqual(expected(mapped));
  });
});

describe("the promise for the small form", () => {
  it("holds for ORIGINS that differ in the path only, and get others before them", async ({
    expect,
  }) => {
    await again({
      vars: {
        EXPOSE: "status",
        AFFINITY: "header:X-Key",
        ORIGINS: [`${origins[0]?.url}/one`, `${origins[0]?.url}/two`],
      },
    });
    const places = async (): Promise<string[]> => {
      const seen: string[] = [];
      for (let n = 0; n < 20; n++) {
        const client = new Client(router.url, {
          ip: freshIp(),
          headers: { "x-key": `small ${n}` },
        });
        seen.push((await client.get("/")).json<{ origin: string; url: string }>().url);
      }
      return seen;
    };
    const before = await places();
    expect(new Set(before)).toEqual(new Set(["/one/", "/two/"]));
    await again({
      vars: {
        EXPOSE: "status",
        AFFINITY: "header:X-Key",
        ORIGINS: ["/three", "/two", "/", "/one"].map((path) => `${origins[0]?.url}${path}`),
      },
    });
    expect(await places()).toEqual(before);
  });
});
