import { Client as McpClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { io, type Socket } from "socket.io-client";
import { afterAll, describe, it } from "vitest";
import type { ServletAnswer } from "../../kit/apps/tomcat.ts";
import type { Tick } from "../../kit/apps/socket-io.ts";
import { headerOf } from "../../kit/raw-http.ts";
import { freshIp } from "../scene.ts";
import { recipeOf } from "./book.ts";
import { clientAt, cook, originOf, outcomeOf, type Kitchen } from "./kitchen.ts";

const kitchens: Kitchen[] = [];

afterAll(() => Promise.all(kitchens.map((kitchen) => kitchen.stop())));

async function served(...arguments_: Parameters<typeof cook>): Promise<Kitchen> {
  const kitchen = await cook(...arguments_);
  kitchens.push(kitchen);
  return kitchen;
}

describe("the recipe for a shop with login", () => {
  it("keeps visitors before and after the login, and moves those of a dead server", async ({
    expect,
  }) => {
    const kitchen = await served(recipeOf("A shop with login"), { app: "express-shop" });
    const visitor = kitchen.client();
    const first = await visitor.get("/");
    expect([outcomeOf(first), first.setCookies.length]).toEqual(["new; rule=cookie", 1]);
    expect(first.setCookies[0]).toMatch(/^__Host-affinity-shop=[^;]+; .*Secure/);
    const home = originOf(first);
    for (let n = 0; n < 3; n++) {
      const next = await visitor.get("/");
      expect([outcomeOf(next), originOf(next), next.setCookies]).toEqual([
        "hit; rule=cookie",
        home,
        [],
      ]);
    }
    const login = await visitor.post("/login/ann", "");
    expect([login.status, originOf(login)]).toEqual([200, home]);
    const cart = await visitor.post("/cart", "");
    expect([outcomeOf(cart), originOf(cart)]).toEqual(["hit; rule=app-cookie", home]);
    const kinds = (await kitchen.admin.sessions("&pool=shop")).map(({ by }) => by);
    expect(kinds.toSorted()).toEqual(["app-cookie", "cookie"]);

    const asset = await kitchen.client().get("/assets/style.css");
    expect([asset.status, outcomeOf(asset), asset.setCookies]).toEqual([200, "skip", []]);
    expect(headerOf(asset, "cache-control")).toBe("public, max-age=3600");

    const neighbour = await clientAt(kitchen, home);
    const elsewhere = await clientAt(kitchen, home === "shop-1" ? "shop-2" : "shop-1");
    await kitchen.server(home).kill();
    expect((await visitor.post("/cart", "")).status).toBe(502);
    const moved = await visitor.get("/cart");
    expect([moved.status, outcomeOf(moved)]).toEqual([401, "moved; rule=app-cookie"]);
    expect(moved.json()).toMatchObject({ event: `moved; from=${home}; reason=down` });
    expect((await neighbour.get("/")).status).toBe(200);
    expect(outcomeOf(await elsewhere.get("/"))).toBe("hit; rule=cookie");
    await visitor.post("/login/ann", "");
    await kitchen.server(home).start();
    for (let n = 0; n < 4; n++) {
      const later = await visitor.get("/cart");
      expect([later.status, originOf(later)]).toEqual([200, originOf(moved)]);
    }
  });
});

describe.for([
  ["cookies", 0],
  ["addresses", 1],
] as const)("the recipe for Socket.IO by %s", ([, nth]) => {
  it("keeps polls and WebSocket together, and lets clients of a dead server reconnect", async ({
    expect,
  }) => {
    const kitchen = await served(recipeOf("Socket.IO", nth), { app: "socket-io" });
    const sockets = await Promise.all(
      Array.from({ length: 9 }, async () => {
        const socket = io(kitchen.url, {
          extraHeaders: { "cf-connecting-ip": freshIp() },
          withCredentials: nth === 0,
          forceNew: true,
          reconnectionDelay: 50,
        });
        await heard(socket, "connect");
        const { engine } = socket.io;
        if (engine.transport.name === "polling") {
          await new Promise((resolve) => engine.once("upgrade", resolve));
        }
        return socket;
      }),
    );
    const ticks = await Promise.all(sockets.map(tick));
    for (const { n, transport } of ticks) expect([n, transport]).toEqual([1, "websocket"]);
    const dead = ticks[0]?.instance ?? "";
    const disconnected = sockets.map(() => false);
    for (const [at, socket] of sockets.entries()) {
      socket.once("disconnect", () => (disconnected[at] = true));
    }
    const lost = sockets.filter((_, at) => ticks[at]?.instance === dead);
    const reconnected = Promise.all(
      lost.map(async (socket) => {
        await heard(socket, "disconnect");
        await heard(socket, "connect");
        return tick(socket);
      }),
    );
    await kitchen.server(dead).kill();
    expect((await reconnected).filter(({ instance }) => instance === dead)).toEqual([]);
    expect(disconnected).toEqual(ticks.map(({ instance }) => instance === dead));
    for (const socket of sockets) socket.disconnect();
  });
});

function heard(socket: Socket, event: "connect" | "disconnect"): Promise<void> {
  return new Promise((resolve) => socket.once(event, () => resolve()));
}

async function tick(socket: Socket): Promise<Tick> {
  return (await socket.timeout(10_000).emitWithAck("tick")) as Tick;
}

describe("the recipe for MCP", () => {
  it("keeps sessions, and answers 404 for those of a dead server and for unknown ones", async ({
    expect,
  }) => {
    const kitchen = await served(recipeOf("MCP"), { app: "mcp" });
    const connect = async (): Promise<McpClient> => {
      const client = new McpClient({ name: "test", version: "1.0.0" });
      const transport = new StreamableHTTPClientTransport(new URL("/mcp", kitchen.url), {
        requestInit: { headers: { "cf-connecting-ip": freshIp() } },
      });
      await client.connect(transport as Parameters<McpClient["connect"]>[0]);
      return client;
    };
    const count = async (client: McpClient): Promise<string[]> => {
      const { content } = await client.callTool({ name: "count" });
      return (content as { text: string }[])[0]?.text.split(" ") ?? [];
    };
    const clients = await Promise.all(Array.from({ length: 9 }, connect));
    const homes = (await Promise.all(clients.map(count))).map(([name = ""]) => name);
    for (let n = 2; n < 5; n++) {
      const counts = await Promise.all(clients.map(count));
      expect(counts).toEqual(homes.map((home) => [home, String(n)]));
    }
    const unknown = await kitchen.client().request("/mcp", {
      method: "POST",
      headers: { "mcp-session-id": "made-up", "content-type": "application/json" },
      body: "{}",
    });
    expect([unknown.status, outcomeOf(unknown)]).toEqual([404, "refused; rule=header"]);

    const dead = homes[0] ?? "";
    await kitchen.server(dead).kill();
    for (const [at, client] of clients.entries()) {
      if (homes[at] === dead) await expect(count(client)).rejects.toMatchObject({ code: 404 });
      else expect(await count(client)).toEqual([homes[at], "5"]);
    }
    // Three of its clients have been refused by now, so it is known to be down.
    const anew = await connect();
    expect((await count(anew))[0]).not.toBe(dead);
    await Promise.all([...clients, anew].map((client) => client.close()));
  });
});

describe("the recipe for a Java application with jvmRoute", () => {
  it("follows the route in the cookie and in the path, and sets no cookie of its own", async ({
    expect,
  }) => {
    const kitchen = await served(recipeOf("A Java application with jvmRoute"), { app: "tomcat" });
    const withCookies = kitchen.client();
    const first = await withCookies.get("/shop");
    expect([...withCookies.cookies.keys()]).toEqual(["JSESSIONID"]);
    const { instance } = first.json<ServletAnswer>();
    expect(originOf(first)).toBe(instance.replace("node", "tomcat-"));
    for (let n = 0; n < 4; n++) {
      const next = await withCookies.get("/shop");
      expect([outcomeOf(next), originOf(next)]).toEqual(["hit; rule=app-cookie", originOf(first)]);
      expect(next.json<ServletAnswer>().isNew).toBe(false);
    }

    let { next } = (await kitchen.client().get("/shop")).json<ServletAnswer>();
    const [, route] = next.split(".");
    for (let n = 0; n < 4; n++) {
      // Each time a client without any cookie, from another address.
      const answer = await kitchen.client().get(next);
      expect(answer.json<ServletAnswer>()).toMatchObject({ instance: route, isNew: false });
      next = answer.json<ServletAnswer>().next;
    }
    expect(await kitchen.admin.sessions()).toEqual([]);

    await kitchen.server(originOf(first)).kill();
    const anew = await withCookies.get("/shop");
    expect(anew.json<ServletAnswer>().isNew).toBe(true);
    for (let n = 0; n < 4; n++) {
      const later = await withCookies.get("/shop");
      expect([originOf(later), later.json<ServletAnswer>().hits]).toEqual([originOf(anew), n + 2]);
    }
  });
});
