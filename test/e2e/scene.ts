import { Client, type ClientOptions } from "../kit/jar.ts";
import { startOrigin, type Origin, type OriginHandler } from "../kit/origins.ts";
import { headersOf, sendRaw, type RawAnswer } from "../kit/raw-http.ts";
import { startRouter, type Router, type RouterOptions } from "../kit/workerd.ts";

export const secret = "end-to-end-secret-0123456789abcdef";
export const adminToken = "end-to-end-admin-token";

/** A pool as in POOLS; `origins` are filled in by `startScene` when absent. */
export type PoolVars = Readonly<Record<string, unknown>>;

type Vars = Readonly<Record<string, unknown>>;

export interface SceneOptions extends Omit<RouterOptions, "vars" | "secrets"> {
  /** The origins' names. */
  readonly names?: readonly string[];
  readonly handler?: OriginHandler;
  /** Settings of the one pool, named "default" unless they say otherwise. */
  readonly pool?: PoolVars;
  /** Other variables, and those that `pool` does not cover. */
  readonly vars?: Vars | ((origins: readonly Origin[]) => Vars);
  readonly secrets?: Readonly<Record<string, string>>;
}

export interface Scene {
  readonly router: Router;
  readonly origins: readonly Origin[];
  readonly url: string;
  /** A client that no other test's client can be taken for: it has an address of its own. */
  client(options?: ClientOptions): Client;
  admin: Admin;
  stop(): Promise<void>;
}

export interface Row {
  readonly id: string;
  readonly pool: string;
  readonly by: string;
  readonly origin: string;
  readonly created: string;
  readonly seen: string;
  readonly expires: string;
}

export interface Page {
  readonly sessions: readonly Row[];
  readonly cursor: string | null;
}

let clients = 0;

/** An address that no earlier call returned. */
export function freshIp(): string {
  clients++;
  return `198.18.${Math.floor(clients / 250)}.${(clients % 250) + 1}`;
}

/** Origins on loopback and a router in front of them. */
export async function startScene(options: SceneOptions = {}): Promise<Scene> {
  const { names = ["app-1", "app-2", "app-3"], handler, pool, vars, secrets, ...rest } = options;
  const origins = await Promise.all(
    names.map((name) => startOrigin({ name, ...(handler ? { handler } : {}) })),
  );
  const router = await startRouter({
    ...rest,
    vars: {
      POOLS: [poolOf(origins, pool)],
      ...(typeof vars === "function" ? vars(origins) : vars),
    },
    secrets: { AFFINITY_SECRET: secret, ADMIN_TOKEN: adminToken, ...secrets },
  });
  return {
    router,
    origins,
    url: router.url,
    client: (client = {}) => new Client(router.url, { ip: freshIp(), ...client }),
    admin: new Admin(router.url),
    async stop() {
      await router.stop();
      await Promise.all(origins.map((origin) => origin.stop()));
    },
  };
}

/** A pool with these origins, by name and URL. */
export function poolOf(
  origins: readonly Pick<Origin, "name" | "url">[],
  settings: PoolVars = {},
): PoolVars {
  return {
    name: "default",
    origins: origins.map(({ name, url }) => ({ name, url })),
    ...settings,
  };
}

/** The operator. */
export class Admin {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async request(path: string, init: RequestInit = {}): Promise<Response> {
    return await fetch(`${this.#url}/__limpet${path}`, {
      redirect: "manual",
      ...init,
      headers: { authorization: `Bearer ${adminToken}`, ...(init.headers as object) },
    });
  }

  async get<T>(path: string): Promise<T> {
    const answer = await this.request(path);
    if (!answer.ok) throw new Error(`GET ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  /** Every session that a query lists, page by page. */
  async sessions(query = ""): Promise<Row[]> {
    const rows: Row[] = [];
    let cursor: string | null = null;
    do {
      const next: string = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
      const limit = query.includes("limit=") ? "" : "&limit=100";
      const page: Page = await this.get<Page>(`/api/sessions?${(limit + query + next).slice(1)}`);
      rows.push(...page.sessions);
      cursor = page.cursor;
    } while (cursor);
    return rows;
  }
}

/** Sends header lines exactly so, over a connection of their own. */
export function rawRequest(
  url: string,
  start: string,
  lines: readonly string[] = [],
  body: string | Uint8Array = "",
): Promise<RawAnswer> {
  const method = start.split(" ", 1)[0] ?? "GET";
  const head = [`${start} HTTP/1.1`, `Host: ${new URL(url).host}`, ...lines, "", ""].join("\r\n");
  const bytes = Buffer.concat([Buffer.from(head, "latin1"), Buffer.from(body)]);
  return sendRaw(url, bytes, { method });
}

/** The value of our cookie in an answer's Set-Cookie lines. */
export function issued(answer: RawAnswer, name = "affinity"): string | undefined {
  const line = headersOf(answer, "set-cookie").find((value) => value.startsWith(`${name}=`));
  return line?.slice(name.length + 1).split(";", 1)[0];
}
