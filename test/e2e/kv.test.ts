import { readFileSync } from "node:fs";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, it } from "vitest";
import { bundleWorker, readCompatibility } from "../kit/bundle.ts";
import { Client } from "../kit/jar.ts";
import { startOrigin, type Origin } from "../kit/origins.ts";

/** `store = "kv"` on the local runtime's KV, from a client's answer to the operator's list. */

const adminToken = "kv-admin-token-0123456789";
let origins: Origin[];
let runtime: Miniflare;
let url: string;

beforeAll(async () => {
  origins = await Promise.all(["a", "b", "c"].map((name) => startOrigin({ name })));
  const { path } = await bundleWorker({ entry: "src/index.ts" });
  const options = convertV4MiniflareOptions({
    modules: true,
    script: readFileSync(path, "utf8"),
    compatibilityDate: readCompatibility().date,
    host: "127.0.0.1",
    kvNamespaces: ["SESSIONS_KV"],
    durableObjects: {
      SESSION_MAP: { className: "SessionMap", useSQLite: true },
      POOL_STATE: { className: "PoolState", useSQLite: true },
    },
    bindings: {
      AFFINITY_SECRET: "kv-secret-0123456789-0123456789-0123456789",
      ADMIN_TOKEN: adminToken,
      POOLS: [
        {
          name: "default",
          affinity: ["app-cookie:SID"],
          origins: origins.map(({ name, url: at }) => ({ name, url: at })),
          sessions: { store: "kv" },
        },
      ],
    },
  });
  runtime = new Miniflare(options);
  url = (await runtime.ready).href.replace(/\/$/, "");
});

afterAll(async () => {
  await runtime.dispose();
  await Promise.all(origins.map((origin) => origin.stop()));
});

async function admin<T>(path: string, method = "GET", body?: unknown): Promise<T> {
  const answer = await fetch(`${url}/__limpet${path}`, {
    method,
    headers: { authorization: `Bearer ${adminToken}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return (await answer.json()) as T;
}

interface Listing {
  readonly sessions: readonly {
    readonly id: string;
    readonly by: string;
    readonly origin: string;
  }[];
}

/** A client that has logged in: its SID came from the origin that holds it. */
async function loggedIn(id: string): Promise<{ client: Client; origin: string }> {
  const client = new Client(url, { ip: "192.0.2.1", userAgent: id });
  const answer = await client.get(`/login?cookie=SID=${id}`);
  return { client, origin: answer.json<{ origin: string }>().origin };
}

describe("a session map in KV", () => {
  it("keeps clients with the origin that issued their ID, and lists them", async ({ expect }) => {
    for (const id of ["one", "two", "three", "four"]) {
      const { client, origin } = await loggedIn(id);
      for (let turn = 0; turn < 3; turn += 1) {
        expect((await client.get("/")).json<{ origin: string }>().origin).toBe(origin);
      }
    }
    const { sessions } = await admin<Listing>("/api/sessions");
    expect(sessions.map(({ by }) => by)).toEqual(Array.from({ length: 4 }, () => "app-cookie"));
    expect(JSON.stringify(sessions)).not.toMatch(/"(one|two|three|four)"/);
  });

  it("lets the operator move and release a session", async ({ expect }) => {
    const { client, origin } = await loggedIn("mover");
    const before = new Set<string>();
    const { sessions } = await admin<Listing>(`/api/sessions?origin=${origin}`);
    for (const { id } of sessions) before.add(id);
    const target = origins.find(({ name }) => name !== origin)?.name ?? "";
    for (const id of before) await admin(`/api/sessions/${id}`, "PATCH", { origin: target });
    expect((await client.get("/")).json<{ origin: string }>().origin).toBe(target);
    for (const id of before) {
      expect(await admin(`/api/sessions/${id}`, "DELETE")).toMatchObject({ id, origin: target });
      expect(await admin(`/api/sessions/${id}`)).toMatchObject({ status: 404 });
    }
  });
});
