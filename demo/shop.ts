// One origin of the demo: a shop whose carts live in the memory of this process, and nowhere else.
// Run it alone with: npx node demo/shop.ts --name app-1 --port 9001

import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { parseArgs } from "node:util";
import { CATALOGUE, cartLines, emptyCart, isItem, type Cart, type Item } from "./cart.ts";
import { page } from "./page.ts";

const COOKIE = "shop_sid";
const MOST_CARTS = 10_000;
const MOST_BODY_BYTES = 4_096;

const { values } = parseArgs({
  options: {
    name: { type: "string", default: "app-1" },
    port: { type: "string", default: "9001" },
  },
});
const name = values.name;
const address = `127.0.0.1:${values.port}`;
const carts = new Map<string, Cart>();

const server = createServer({ keepAliveTimeout: 75_000 }, (request, response) => {
  serve(request, response).catch((error: unknown) => {
    console.error(`${name}:`, error);
    if (!response.headersSent) send(response, 500, "text/plain", "The shop failed.\n");
  });
});
server.once("error", (error) => {
  console.error(`${name}: ${error.message}`);
  process.exit(1);
});
server.listen(Number(values.port), "127.0.0.1");

process.on("SIGTERM", () => process.exit(0));
process.on("disconnect", () => process.exit(0)); // who started us is gone

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? "/", "http://shop");
  const method = request.method === "HEAD" ? "GET" : (request.method ?? "GET");

  switch (`${method} ${pathname}`) {
    case "GET /healthz":
      return send(response, 200, "text/plain", "ok\n");

    case "GET /": {
      const cart = openCart(request, response);
      send(response, 200, "text/html; charset=utf-8", page({ name, address, cart }));
      cart.lost = undefined; // said once
      return;
    }

    case "POST /cart": {
      const item = new URLSearchParams(await readBody(request)).get("item");
      if (!isItem(item)) return send(response, 400, "text/plain", "No such item.\n");
      add(openCart(request, response), item);
      response.setHeader("Location", "/");
      return send(response, 303, "text/plain", "See the shop.\n");
    }

    case "GET /api/cart":
      return sendCart(response, openCart(request, response));

    case "POST /api/cart": {
      const item = itemIn(await readBody(request));
      if (!isItem(item)) {
        return sendJson(response, 400, { error: "no such item", items: CATALOGUE });
      }
      const cart = openCart(request, response);
      add(cart, item);
      return sendCart(response, cart);
    }

    default:
      return send(response, 404, "text/plain", "There is no such page in this shop.\n");
  }
}

/** The visitor's cart. One that another process holds is lost here: then an empty one says so. */
function openCart(request: IncomingMessage, response: ServerResponse): Cart {
  const sid = new RegExp(`(?:^|[;,]) *${COOKIE}=([^;,]+)`).exec(request.headers.cookie ?? "")?.[1];
  const known = sid === undefined ? undefined : carts.get(sid);
  if (known) return known;

  const event = request.headers["affinity-event"];
  const cart = emptyCart(sid === undefined ? undefined : String(event ?? ""));
  const newSid = randomUUID();
  carts.set(newSid, cart);
  for (const oldest of carts.keys()) {
    if (carts.size <= MOST_CARTS) break;
    carts.delete(oldest);
  }
  response.setHeader("Set-Cookie", `${COOKIE}=${newSid}; Path=/; HttpOnly; SameSite=Lax`);
  return cart;
}

function add(cart: Cart, item: Item): void {
  cart.counts.set(item, (cart.counts.get(item) ?? 0) + 1);
}

function sendCart(response: ServerResponse, cart: Cart): void {
  const lost = cart.lost !== undefined;
  cart.lost = undefined;
  const message = lost ? { message: "This server does not know your cart." } : {};
  sendJson(response, 200, { servedBy: name, lost, ...message, cart: cartLines(cart) });
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, "application/json", `${JSON.stringify(body)}\n`);
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    "Content-Type": type,
    "Content-Length": Buffer.byteLength(body),
    "Cache-Control": "no-store",
  });
  response.end(body); // Node leaves the body out of an answer to HEAD
}

async function readBody(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) {
    body += String(chunk);
    if (body.length > MOST_BODY_BYTES) return "";
  }
  return body;
}

function itemIn(json: string): unknown {
  try {
    return (JSON.parse(json) as { item?: unknown } | null)?.item;
  } catch {
    return undefined;
  }
}
