import { setTimeout as sleep } from "node:timers/promises";
import { Client, type ClientAnswer, type ClientRequest } from "../kit/jar.ts";
import type { OriginAnswer } from "../kit/origin-routes.ts";
import { startOrigin, type Origin, type OriginOptions } from "../kit/origins.ts";
import { headerOf } from "../kit/raw-http.ts";
import { startRouter, type Router } from "../kit/workerd.ts";

const adminToken = "only-for-tests-admin-token";
const secrets = {
  AFFINITY_SECRET: "only-for-tests-0123456789abcdef0123456789",
  ADMIN_TOKEN: adminToken,
};

type Settings = Readonly<Record<string, unknown>>;

export interface SceneOptions {
  /** Name to settings of each origin, in the order of the configuration. */
  readonly origins: Readonly<Record<string, Settings>>;
  /** Settings of the pool, beside its name and origins. */
  readonly pool?: Settings;
  readonly handler?: OriginOptions["handler"];
}

export interface OriginView {
  readonly name: string;
  readonly state: string;
  readonly health: string;
  readonly weight: number;
  readonly sessions: number;
  readonly generation: number;
  readonly drain: { since: string; deadline: string | null; sessions: number } | null;
}

export interface Scene {
  readonly router: Router;
  origin(name: string): Origin;
  /** A client nobody has seen: its own jar and address. */
  newClient(): Client;
  admin(method: string, path: string, body?: unknown): Promise<ClientAnswer>;
  /** PATCHes an origin; throws when it is not a 200. */
  patch(origin: string, change: unknown): Promise<OriginView>;
  /** What GET /api/pools/shop says about an origin. */
  look(origin: string): Promise<OriginView>;
  /** The same storage and origins under another configuration of the pool. */
  reconfigure(options: SceneOptions): Promise<void>;
}

const running: { stop(): Promise<void> }[] = [];

/** Stops everything that was started in this file: for `afterAll`. */
export async function stopScenes(): Promise<void> {
  await Promise.all(running.splice(0).map((each) => each.stop()));
}

/** A router with one pool, "shop", over real origins; answers carry Affinity-Status. */
export async function startScene(options: SceneOptions): Promise<Scene> {
  const origins = new Map<string, Origin>();

  async function varsOf({ origins: settings, pool = {}, handler }: SceneOptions) {
    for (const name of Object.keys(settings)) {
      if (origins.has(name)) continue;
      const origin = await startOrigin({ name, ...(handler ? { handler } : {}) });
      running.push(origin);
      origins.set(name, origin);
    }
    const listed = Object.entries(settings).map(([name, more]) => ({
      name,
      url: get(name).url,
      ...more,
    }));
    return { EXPOSE: "status", POOLS: [{ name: "shop", ...pool, origins: listed }] };
  }

  function get(name: string): Origin {
    const origin = origins.get(name);
    if (!origin) throw new Error(`no origin ${name} in this scene`);
    return origin;
  }

  const router = await startRouter({ vars: await varsOf(options), secrets });
  running.push(router);
  const operator = new Client(router.url);

  function admin(method: string, path: string, body?: unknown): Promise<ClientAnswer> {
    const headers = { authorization: `Bearer ${adminToken}`, "content-type": "application/json" };
    return operator.request(`/__limpet${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  async function look(origin: string): Promise<OriginView> {
    const pool = (await admin("GET", "/api/pools/shop")).json<{ origins: OriginView[] }>();
    const found = pool.origins.find(({ name }) => name === origin);
    if (!found) throw new Error(`the admin shows no origin ${origin}`);
    return found;
  }

  return {
    router,
    origin: get,
    newClient: () => new Client(router.url, { ip: nextAddress() }),
    admin,
    look,
    async patch(origin, change) {
      const answer = await admin("PATCH", `/api/pools/shop/origins/${origin}`, change);
      if (answer.status !== 200) throw new Error(`PATCH answered ${answer.status} ${answer.text}`);
      return look(origin);
    },
    async reconfigure(changed) {
      await router.restart({ vars: await varsOf(changed) });
    },
  };
}

let addresses = 0;

function nextAddress(): string {
  addresses += 1;
  return `198.18.${addresses >> 8}.${addresses & 255}`;
}

/** GETs a page and says which origin made it; throws when none did. */
export async function visit(client: Client, path = "/", request?: ClientRequest): Promise<string> {
  const answer = await client.request(path, request);
  return originOf(answer);
}

export function originOf(answer: ClientAnswer): string {
  if (answer.status !== 200) throw new Error(`no page: ${answer.status} ${answer.text}`);
  return answer.json<OriginAnswer>().origin;
}

/** New clients, each after its first visit, until `count` of them are pinned to `origin`. */
export async function clientsOn(scene: Scene, origin: string, count = 1): Promise<Client[]> {
  const found: Client[] = [];
  for (let tries = 0; found.length < count; tries++) {
    if (tries > 100 * count) throw new Error(`balancing never chose ${origin}`);
    const client = scene.newClient();
    if ((await visit(client)) === origin) found.push(client);
  }
  return found;
}

export async function clientOn(scene: Scene, origin: string): Promise<Client> {
  const [client] = await clientsOn(scene, origin);
  if (!client) throw new Error("unreachable");
  return client;
}

/** How many of `count` new clients each origin gets, one after the other. */
export async function spread(scene: Scene, count: number): Promise<Record<string, number>> {
  const names: string[] = [];
  for (let n = 0; n < count; n++) names.push(await visit(scene.newClient()));
  return tally(names);
}

export function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** The outcome word of Affinity-Status. */
export function outcomeOf(answer: ClientAnswer): string | undefined {
  return /^limpet; ([a-z]+)/.exec(headerOf(answer, "affinity-status") ?? "")?.[1];
}

/** The `code` of our own error; undefined when an origin answered. */
export function codeOf(answer: ClientAnswer): string | undefined {
  if (answer.status < 400) return undefined;
  const type = headerOf(answer, "content-type") ?? "";
  return type.includes("problem+json") ? answer.json<{ code?: string }>().code : undefined;
}

/** The last Affinity-Event that an origin was told. */
export function eventAt(origin: Origin): string | undefined {
  const last = origin.requests.at(-1);
  return last && headerOf(last, "affinity-event");
}

/** Requests of clients: without probes. */
export function visitsOf(origin: Origin): number {
  return origin.requests.filter(({ url }) => url !== "/healthz").length;
}

/** Polls until `check` holds; returns how long that took, throws after `limitMs`. */
export async function until(
  check: () => boolean | Promise<boolean>,
  limitMs = 8_000,
): Promise<number> {
  const start = Date.now();
  while (!(await check())) {
    if (Date.now() - start > limitMs) throw new Error(`not so after ${limitMs} ms: ${check}`);
    await sleep(40);
  }
  return Date.now() - start;
}
