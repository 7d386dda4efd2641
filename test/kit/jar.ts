import { once } from "node:events";
import { WebSocket } from "ws";
import { headersOf, sendRaw, type RawAnswer } from "./raw-http.ts";

export interface ClientOptions {
  /** Sent as `cf-connecting-ip`: with no edge in front, it reaches the Worker as it is. */
  readonly ip?: string;
  readonly userAgent?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Keeps cookies past their end, as a client that means no good would. */
  readonly ignoreExpiry?: boolean;
  readonly now?: () => number;
}

export interface ClientRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly timeoutMs?: number;
}

export interface ClientAnswer extends RawAnswer {
  readonly text: string;
  readonly setCookies: readonly string[];
  /** The body parsed as JSON; throws when it is none. */
  json<T>(): T;
}

interface StoredCookie {
  readonly value: string;
  readonly endsAt: number;
}

/**
 * A client with a cookie jar. Names and expiry count; Path, Domain and Secure do not, since every
 * test talks to one loopback router.
 */
export class Client {
  readonly #url: string;
  readonly #options: ClientOptions;
  readonly #cookies = new Map<string, StoredCookie>();

  constructor(url: string, options: ClientOptions = {}) {
    this.#url = url;
    this.#options = options;
  }

  /** The live cookies, by name. */
  get cookies(): ReadonlyMap<string, string> {
    return new Map([...this.#live()].map(([name, { value }]) => [name, value]));
  }

  get cookieHeader(): string {
    return [...this.#live()].map(([name, { value }]) => `${name}=${value}`).join("; ");
  }

  setCookie(name: string, value: string): void {
    this.#cookies.set(name, { value, endsAt: Infinity });
  }

  forgetCookies(): void {
    this.#cookies.clear();
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<ClientAnswer> {
    return this.request(path, { headers });
  }

  post(path: string, body: string | Uint8Array): Promise<ClientAnswer> {
    return this.request(path, { method: "POST", body });
  }

  /** One request over a connection of its own; the path is sent byte for byte. */
  async request(path: string, request: ClientRequest = {}): Promise<ClientAnswer> {
    const { method = "GET", body, timeoutMs } = request;
    const bytes = typeof body === "string" ? Buffer.from(body) : Buffer.from(body ?? []);
    const headers: Record<string, string> = {
      host: new URL(this.#url).host,
      ...this.#headers(),
      ...(body === undefined ? {} : { "content-length": String(bytes.length) }),
      ...request.headers,
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n`, "latin1");
    const answer = await sendRaw(this.#url, Buffer.concat([head, bytes]), {
      method,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
    const setCookies = headersOf(answer, "set-cookie");
    for (const line of setCookies) this.#store(line);
    const text = answer.body.toString("utf8");
    return { ...answer, text, setCookies, json: <T>() => JSON.parse(text) as T };
  }

  /** Opens a WebSocket with the jar's cookies; those of the 101 are stored. */
  async webSocket(path: string, protocols: string[] = []): Promise<WebSocket> {
    const socket = new WebSocket(this.#url.replace(/^http/, "ws") + path, protocols, {
      headers: this.#headers(),
    });
    socket.once("upgrade", (response) => {
      for (const line of response.headers["set-cookie"] ?? []) this.#store(line);
    });
    await once(socket, "open");
    return socket;
  }

  #headers(): Record<string, string> {
    const { ip, userAgent, headers } = this.#options;
    const cookie = this.cookieHeader;
    return {
      ...(ip === undefined ? {} : { "cf-connecting-ip": ip }),
      ...(userAgent === undefined ? {} : { "user-agent": userAgent }),
      ...headers,
      ...(cookie === "" ? {} : { cookie }),
    };
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }

  *#live(): Iterable<readonly [string, StoredCookie]> {
    const now = this.#now();
    for (const entry of this.#cookies) {
      if (this.#options.ignoreExpiry || entry[1].endsAt > now) yield entry;
    }
  }

  #store(line: string): void {
    const [pair = "", ...attributes] = line.split(";");
    const equals = pair.indexOf("=");
    const name = pair.slice(0, equals).trim();
    const value = pair.slice(equals + 1).trim();
    let endsAt = Infinity;
    let maxAgeSeen = false;
    for (const attribute of attributes) {
      const [key = "", text = ""] = attribute.trim().split(/=(.*)/s);
      // RFC 6265 §5.3: Max-Age wins over Expires.
      if (/^max-age$/i.test(key) && /^-?\d+$/.test(text)) {
        endsAt = Number(text) <= 0 ? -Infinity : this.#now() + Number(text) * 1000;
        maxAgeSeen = true;
      }
      if (/^expires$/i.test(key) && !maxAgeSeen) endsAt = Date.parse(text);
    }
    if (endsAt <= this.#now() && !this.#options.ignoreExpiry) this.#cookies.delete(name);
    else this.#cookies.set(name, { value, endsAt });
  }
}
