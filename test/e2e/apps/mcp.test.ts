import { randomUUID } from "node:crypto";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { afterAll, beforeAll, describe, it } from "vitest";
import { mcpSessions } from "../../kit/apps/mcp-sessions.ts";
import { startOrigin, type Origin, type OriginHandler } from "../../kit/origins.ts";
import { headerOf } from "../../kit/raw-http.ts";
import { startRouter, type Router } from "../../kit/workerd.ts";
import { Admin, adminToken, freshIp, poolOf, secret } from "../scene.ts";

let origins: readonly Origin[];
let router: Router;
const open: Client[] = [];

function mcpServer(name: string): OriginHandler {
  const answer = mcpSessions(name);
  return async (request, response, { ended, recorded }) => {
    await ended;
    const { body } = recorded;
    await answer(request, response, body.length > 0 ? JSON.parse(body.toString()) : undefined);
    return true;
  };
}

beforeAll(async () => {
  origins = await Promise.all(
    ["a", "b", "c"].map((name) => startOrigin({ name, handler: mcpServer(name) })),
  );
  router = await startRouter({
    secrets: { AFFINITY_SECRET: secret, ADMIN_TOKEN: adminToken },
    vars: {
      POOLS: [
        poolOf(origins, {
          affinity: [{ by: "header", name: "Mcp-Session-Id", learn: "response" }],
          failover: { on_lost: "refuse", refuse_status: 404 },
        }),
      ],
    },
  });
});

afterAll(async () => {
  await Promise.all(open.map((client) => client.close()));
  await router?.stop();
  await Promise.all((origins ?? []).map((origin) => origin.stop()));
});

async function connect(): Promise<[Client, StreamableHTTPClientTransport]> {
  const client = new Client({ name: "test", version: "1.0.0" });
  const transport = new StreamableHTTPClientTransport(new URL("/mcp", router.url), {
    requestInit: { headers: { "cf-connecting-ip": freshIp() } },
  });
  await client.connect(transport as Parameters<Client["connect"]>[0]);
  open.push(client);
  return [client, transport];
}

async function count(client: Client): Promise<string> {
  const { content } = await client.callTool({ name: "count" });
  return (content as { text: string }[])[0]?.text ?? "";
}

describe("MCP over Streamable HTTP, with the protocol's own SDK", () => {
  it("keeps each session at the server that holds it", async ({ expect }) => {
    const clients = await Promise.all(Array.from({ length: 9 }, connect));
    const first = await Promise.all(clients.map(([client]) => count(client)));
    expect(first.toSorted()).toEqual([
      "a 1",
      "a 1",
      "a 1",
      "b 1",
      "b 1",
      "b 1",
      "c 1",
      "c 1",
      "c 1",
    ]);
    for (let n = 2; n < 6; n++) {
      const counts = await Promise.all(clients.map(([client]) => count(client)));
      expect(counts).toEqual(first.map((text) => text.replace("1", String(n))));
    }
    const rows = await new Admin(router.url).sessions();
    expect(rows.map(({ by }) => by)).toEqual(Array(9).fill("header"));
  });

  it("tells a client whose server is gone to start anew, with 404", async ({ expect }) => {
    const [client] = await connect();
    const [name = ""] = (await count(client)).split(" ");
    const mine = origins.find((origin) => origin.name === name);
    await mine?.fail({ mode: "refuse" });
    try {
      await expect(count(client)).rejects.toMatchObject({ code: 404 });
      const [anew] = await connect();
      expect(await count(anew)).not.toContain(name);
    } finally {
      await mine?.heal();
    }
  });

  it("answers 404 to an ID that no server issued, without asking one", async ({ expect }) => {
    const id = randomUUID();
    const answer = await fetch(new URL("/mcp", router.url), {
      method: "POST",
      headers: {
        "mcp-session-id": id,
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
    });
    expect(answer.status).toBe(404);
    // Streams of other clients may be reconnecting meanwhile.
    const asked = origins.flatMap(({ requests }) => requests);
    expect(asked.filter((request) => headerOf(request, "mcp-session-id") === id)).toEqual([]);
  });

  it("ends the session where it lives", async ({ expect }) => {
    const [client, transport] = await connect();
    const [name = ""] = (await count(client)).split(" ");
    for (const origin of origins) origin.clear();
    await transport.terminateSession();
    const deleted = origins.filter(({ requests }) =>
      requests.some(({ method }) => method === "DELETE"),
    );
    expect(deleted.map((origin) => origin.name)).toEqual([name]);
  });
});
