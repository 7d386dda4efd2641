import { parse } from "smol-toml";
import { startInstances, type AppName } from "../../kit/apps/instance.ts";
import { Client, type ClientAnswer, type ClientOptions } from "../../kit/jar.ts";
import { startHostFront } from "../../kit/host-front.ts";
import { startOrigin, type OriginHandler } from "../../kit/origins.ts";
import type { OriginAnswer } from "../../kit/origin-routes.ts";
import { headerOf } from "../../kit/raw-http.ts";
import { startRouter, type Router } from "../../kit/workerd.ts";
import { Admin, adminToken, freshIp, secret } from "../scene.ts";
import type { Block } from "./book.ts";

interface OriginTable {
  readonly name?: string;
  readonly url?: string;
  readonly binding?: string;
  readonly route?: string;
}

interface PoolTable {
  readonly origins: readonly OriginTable[];
}

export interface Vars {
  readonly ORIGINS?: readonly string[];
  readonly POOLS?: readonly PoolTable[];
}

interface RecipeFile {
  readonly routes: readonly { readonly pattern: string }[];
  readonly vars: Vars;
}

/** An origin of a recipe, as a server on loopback. */
export interface Server {
  readonly url: string;
  kill(): Promise<void>;
  start(): Promise<void>;
}

export interface CookOptions {
  /** Runs this application in every origin; otherwise they answer with what they were asked. */
  readonly app?: AppName;
  readonly handler?: OriginHandler;
}

/** A recipe that is being served. */
export interface Kitchen {
  readonly router: Router;
  readonly admin: Admin;
  /** The variables as the router has them. */
  readonly vars: Vars;
  /** Where clients of others find the recipe's host, by https as it seems. */
  readonly url: string;
  server(name: string): Server;
  /** A client nobody has seen. */
  client(options?: ClientOptions): Client;
  stop(): Promise<void>;
}

const schemeHeader = "x-client-scheme";

/**
 * Serves a recipe as it stands in the page. Only the URLs of its origins are exchanged, for servers on
 * loopback, and EXPOSE is set, as the page advises for trying it.
 */
export async function cook({ toml }: Block, options: CookOptions = {}): Promise<Kitchen> {
  const { routes, vars: given } = parse(toml) as unknown as RecipeFile;
  const servers = new Map<string, Server>();
  const services: Record<string, string> = {};

  async function serve(name: string, label: string): Promise<string> {
    const server = options.app
      ? (await startInstances(options.app, [label]))[0]
      : await startPlain(name, options.handler);
    if (!server) throw new Error("unreachable");
    servers.set(name, server);
    return server.url;
  }

  async function exchange(origin: OriginTable): Promise<OriginTable> {
    const { name = "", url, binding, route = name } = origin;
    const served = await serve(name, route);
    if (binding !== undefined) services[binding] ??= served;
    return url === undefined ? origin : { ...origin, url: served };
  }

  const pools = given.POOLS?.map(async (pool) => ({
    ...pool,
    origins: await Promise.all(pool.origins.map(exchange)),
  }));
  const urls = given.ORIGINS?.map((url) => serve(new URL(url).hostname, ""));
  const vars: Vars = {
    ...given,
    ...(pools ? { POOLS: await Promise.all(pools) } : {}),
    ...(urls ? { ORIGINS: await Promise.all(urls) } : {}),
  };
  const router = await startRouter({
    vars: { ...vars, EXPOSE: "status" },
    services,
    secrets: { AFFINITY_SECRET: secret, ADMIN_TOKEN: adminToken },
    protoHeader: schemeHeader,
  });
  const headers = { host: routes[0]?.pattern ?? "", [schemeHeader]: "https" };
  const front = await startHostFront(router.url, headers);
  return {
    router,
    url: front.url,
    admin: new Admin(router.url),
    vars,
    server(name) {
      const server = servers.get(name);
      if (!server) throw new Error(`the recipe has no origin ${name}`);
      return server;
    },
    client: (client = {}) =>
      new Client(router.url, {
        ip: freshIp(),
        ...client,
        headers: { ...headers, ...client.headers },
      }),
    async stop() {
      await front.stop();
      await router.stop();
      await Promise.all([...servers.values()].map((server) => server.kill()));
    },
  };
}

async function startPlain(name: string, handler: OriginHandler | undefined): Promise<Server> {
  const origin = await startOrigin({ name, ...(handler ? { handler } : {}) });
  return {
    url: origin.url,
    kill: () => origin.fail({ mode: "refuse" }),
    start: () => origin.heal(),
  };
}

/** Affinity-Status without the origin: `hit; rule=cookie`. */
export function outcomeOf(answer: ClientAnswer): string {
  const status = headerOf(answer, "affinity-status") ?? "";
  return status.replace(/^limpet; /, "").replace(/; origin=.*$/, "");
}

/** The origin that Affinity-Status names. */
export function originOf(answer: ClientAnswer): string {
  return /origin="([^"]+)"/.exec(headerOf(answer, "affinity-status") ?? "")?.[1] ?? "";
}

/** What the plain server behind an answer was asked; throws when none answered. */
export function askedOf(answer: ClientAnswer): OriginAnswer {
  if (answer.status !== 200) throw new Error(`no page: ${answer.status} ${answer.text}`);
  return answer.json<OriginAnswer>();
}

/** New clients, each after its first GET of `path`, until one is served by `origin`. */
export async function clientAt(kitchen: Kitchen, origin: string, path = "/"): Promise<Client> {
  for (let tries = 0; tries < 200; tries++) {
    const client = kitchen.client();
    if (originOf(await client.get(path)) === origin) return client;
  }
  throw new Error(`nobody was sent to ${origin}`);
}
