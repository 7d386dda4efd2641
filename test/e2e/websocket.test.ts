import { once } from "node:events";
import { afterAll, afterEach, beforeAll, describe, test } from "vitest";
import type { WebSocket } from "ws";
import type { OriginAnswer } from "../kit/origin-routes.ts";
import { headerOf, headersOf } from "../kit/raw-http.ts";
import { rawRequest, startScene, type Scene } from "./scene.ts";

let scene: Scene;
const open: WebSocket[] = [];

beforeAll(async () => {
  scene = await startScene();
});

afterEach(() => {
  for (const socket of open.splice(0)) socket.terminate();
});

afterAll(() => scene.stop());

async function connect(client = scene.client(), path = "/ws", protocols: string[] = []) {
  const socket = await client.webSocket(path, protocols);
  open.push(socket);
  return { client, socket };
}

async function ask(socket: WebSocket, message: string | Buffer): Promise<Buffer | string> {
  const answered = once(socket, "message") as Promise<[Buffer, boolean]>;
  socket.send(message);
  const [data, isBinary] = await answered;
  return isBinary ? data : String(data);
}

const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
const version = "Sec-WebSocket-Version: 13";
const upgrade = ["Connection: Upgrade", "Upgrade: websocket"];

describe("a WebSocket", () => {
  test("goes to the client's origin, and the next ones too", async ({ expect }) => {
    const client = scene.client();
    const home = (await client.get("/")).json<OriginAnswer>().origin;
    for (let n = 0; n < 4; n++) {
      const { socket } = await connect(client);
      expect(await ask(socket, "whoami")).toBe(home);
    }
  });

  test("as the first request gets the cookie on its 101, and HTTP follows", async ({ expect }) => {
    const { client, socket } = await connect(scene.client(), "/ws?cookie=app%3D1");
    expect([...client.cookies.keys()].sort()).toEqual(["affinity", "app"]);
    const home = await ask(socket, "whoami");
    const answer = await client.get("/");
    expect([answer.json<OriginAnswer>().origin, answer.setCookies]).toEqual([home, []]);
  });

  test("passes text, binary, large and empty messages both ways", async ({ expect }) => {
    const { socket } = await connect();
    expect(await ask(socket, "grüße 🐚")).toBe("grüße 🐚");
    expect(await ask(socket, "")).toBe("");
    for (const size of [1, 126, 70_000, 900_000]) {
      const bytes = Buffer.alloc(size, "\x00\xfflimpet", "latin1");
      const echo = await ask(socket, bytes);
      expect(Buffer.compare(echo as Buffer, bytes)).toBe(0);
    }
  });

  test("keeps its path, its subprotocol, and tells the origin the truth", async ({ expect }) => {
    const { socket } = await connect(scene.client(), "/a%2Fb/ws?x=%20", ["chat.v2", "chat.v1"]);
    expect(socket.protocol).toBe("chat.v2");
    const requests = scene.origins.flatMap((origin) => origin.requests);
    const request = requests.find(({ url }) => url === "/a%2Fb/ws?x=%20");
    expect(request?.upgrade).toBe(true);
    const handshake = request ?? { headers: [] };
    expect(headerOf(handshake, "x-forwarded-host")).toBe(new URL(scene.url).host);
    expect(headersOf(handshake, "cookie").join()).not.toContain("affinity");
  });

  test("closes with the code and reason of either side", async ({ expect }) => {
    const { socket } = await connect();
    const closed = once(socket, "close") as Promise<[number, Buffer]>;
    socket.send("close 4001 enough");
    const [code, reason] = await closed;
    expect([code, String(reason)]).toEqual([4001, "enough"]);
  });

  test("that the origin drops is dropped", async ({ expect }) => {
    const { socket } = await connect();
    const closed = once(socket, "close") as Promise<[number, Buffer]>;
    socket.send("kill");
    expect((await closed)[0]).toBe(1006);
  });
});

describe("a bad handshake", () => {
  const tried = () => scene.origins.flatMap((origin) => origin.requests).length;

  test.for([
    ["without a key", "GET", [...upgrade, version]],
    ["with a key that is no 16 bytes", "GET", [...upgrade, version, "Sec-WebSocket-Key: abc"]],
    ["by POST", "POST", [...upgrade, key, version, "Content-Length: 0"]],
  ] as const)(
    "%s is refused before any origin hears of it",
    async ([, method, lines], { expect }) => {
      const before = tried();
      const answer = await rawRequest(scene.url, `${method} /ws`, lines);
      expect(answer.status).toBe(400);
      expect(JSON.parse(String(answer.body))).toMatchObject({ status: 400, code: "bad_request" });
      expect(headersOf(answer, "set-cookie")).toEqual([]);
      expect(tried()).toBe(before);
    },
  );

  test("of no version or another one is refused, naming ours", async ({ expect }) => {
    const before = tried();
    for (const lines of [[], ["Sec-WebSocket-Version: 8"], ["Sec-WebSocket-Version: 13, 8"]]) {
      const answer = await rawRequest(scene.url, "GET /ws", [...upgrade, key, ...lines]);
      // RFC 6455 §4.4.
      expect(answer.status).toBe(426);
      expect(headerOf(answer, "sec-websocket-version")).toBe("13");
    }
    expect(tried()).toBe(before);
  });

  test("that the origin refuses passes its answer", async ({ expect }) => {
    for (const origin of scene.origins) await origin.fail({ mode: "status", status: 403 });
    const answer = await rawRequest(scene.url, "GET /ws", [...upgrade, key, version]);
    for (const origin of scene.origins) await origin.heal();
    expect(answer.status).toBe(403);
  });

  test("is an ordinary request when it asks for another protocol", async ({ expect }) => {
    const answer = await rawRequest(scene.url, "GET /", ["Connection: Upgrade", "Upgrade: h2c"]);
    expect(answer.status).toBe(200);
    const { headers } = JSON.parse(String(answer.body)) as OriginAnswer;
    expect(headers.map(([name]) => name.toLowerCase())).not.toContain("upgrade");
  });
});
