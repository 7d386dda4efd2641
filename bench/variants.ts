import { bare, limpet, natives, perRequestObject, type Contender } from "./contenders.ts";

/** Who sends what. */
export interface Traffic {
  readonly connections: number;
  readonly method: string;
  readonly path: string;
  readonly bodyBytes: number;
  /** Where a visitor begins. Default: the same path. */
  readonly firstPath?: string;
  readonly isWebSocket?: boolean;
  /** How many clients take turns, each known to the router before; 0 = every request is a new one. */
  readonly visitors: number;
  readonly headersOf: (visitor: number) => Readonly<Record<string, string>>;
}

/** A line of the budgets in docs: a ratio of medians that has to hold. */
export interface Budget {
  readonly what: string;
  readonly measure: "throughput" | "p99" | "cpu";
  readonly of: string;
  readonly against: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Variant {
  readonly name: string;
  readonly title: string;
  /** Whether `--quick` runs it. */
  readonly quick: boolean;
  readonly origins: number;
  /** Seconds of a shot in a whole run, and how many rounds. */
  readonly seconds: number;
  readonly rounds: number;
  readonly contenders: readonly Contender[];
  readonly traffic: Traffic;
  readonly budgets: readonly Budget[];
}

const returning: Traffic = {
  connections: 32,
  method: "GET",
  path: "/bench?page=1",
  bodyBytes: 0,
  visitors: 64,
  headersOf: (visitor) => ({
    "cf-connecting-ip": `198.51.100.${visitor + 1}`,
    "user-agent": "bench",
    accept: "*/*",
  }),
};

const firstVisits: Traffic = {
  ...returning,
  visitors: 0,
  headersOf: () => ({ "cf-connecting-ip": "{ip}", "user-agent": "bench/{n}", accept: "*/*" }),
};

const manyCookies = Array.from({ length: 89 }, (_, at) => `preference_${at}=${at * 7_919}`).join(
  "; ",
);

function withAffinity(name: string, affinity: unknown): Contender {
  return limpet((origins) => ({ ORIGINS: origins, AFFINITY: affinity }), name);
}

/** A thousand names for the same three listeners: only the router's own work differs. */
function manyOrigins(urls: readonly string[]) {
  const origins = Array.from({ length: 1_000 }, (_, at) => ({
    name: `app-${at}`,
    url: urls[at % urls.length],
  }));
  return { POOLS: [{ name: "default", origins }] };
}

/** Every shot of a variant meets the same origins; the first contender is the measure. */
export const variants: readonly Variant[] = [
  {
    name: "pinned-cookie",
    title: "pinned by cookie",
    quick: true,
    origins: 3,
    seconds: 2,
    rounds: 7,
    contenders: [bare, perRequestObject, ...natives, limpet()],
    traffic: returning,
    budgets: [
      {
        what: "throughput, pinned by cookie",
        measure: "throughput",
        of: "limpet",
        against: "bare",
        atLeast: 0.9,
      },
      {
        what: "p99 of pinned at 32 connections",
        measure: "p99",
        of: "limpet",
        against: "bare",
        atMost: 1.3,
      },
      {
        what: "throughput, against one Durable Object call per request",
        measure: "throughput",
        of: "limpet",
        against: "per-request object",
        atLeast: 1.5,
      },
    ],
  },
  {
    name: "new-sessions",
    title: "new sessions, cookie issued and recorded",
    quick: true,
    origins: 3,
    seconds: 2,
    rounds: 7,
    contenders: [bare, perRequestObject, limpet()],
    traffic: firstVisits,
    budgets: [
      {
        what: "throughput, new sessions",
        measure: "throughput",
        of: "limpet",
        against: "bare",
        atLeast: 0.75,
      },
    ],
  },
  {
    name: "other-pins",
    title: "pinned otherwise, within the lease; and balanced only",
    quick: false,
    origins: 3,
    seconds: 2,
    rounds: 5,
    contenders: [
      bare,
      withAffinity("header", "header:X-Session-ID"),
      withAffinity("ip", "ip"),
      withAffinity("app cookie", "app-cookie:JSESSIONID"),
      withAffinity("hash", [{ by: "header", name: "X-Session-ID", pin: "hash" }]),
      withAffinity("none", "none"),
    ],
    traffic: {
      ...returning,
      firstPath: "/login",
      headersOf: (visitor) => ({
        ...returning.headersOf(visitor),
        "x-session-id": `session-of-visitor-${visitor}`,
      }),
    },
    budgets: ["header", "ip", "app cookie"].map((of) => ({
      what: `throughput, pinned by map: ${of}`,
      measure: "throughput",
      of,
      against: "bare",
      atLeast: 0.85,
    })),
  },
  {
    name: "origins-1000",
    title: "pinned by cookie, 3 and 1,000 origins in the pool",
    quick: false,
    origins: 3,
    seconds: 2,
    rounds: 5,
    contenders: [limpet(undefined, "3 origins"), limpet(manyOrigins, "1,000 origins")],
    traffic: returning,
    budgets: [
      {
        what: "CPU time per request, 1,000 origins to 3",
        measure: "cpu",
        of: "1,000 origins",
        against: "3 origins",
        atMost: 1.1,
      },
    ],
  },
  {
    name: "cookies-90",
    title: "pinned by cookie among 90 cookies",
    quick: false,
    origins: 3,
    seconds: 1,
    rounds: 5,
    contenders: [bare, limpet()],
    traffic: {
      ...returning,
      headersOf: (visitor) => ({ ...returning.headersOf(visitor), cookie: manyCookies }),
    },
    budgets: [],
  },
  {
    name: "download",
    title: "downloads of 1 MiB",
    quick: false,
    origins: 3,
    seconds: 1,
    rounds: 5,
    contenders: [bare, limpet()],
    traffic: { ...returning, path: `/bytes/${2 ** 20}`, firstPath: "/", connections: 8 },
    budgets: [],
  },
  {
    name: "upload",
    title: "uploads of 1 MiB",
    quick: false,
    origins: 3,
    seconds: 1,
    rounds: 5,
    contenders: [bare, limpet()],
    traffic: { ...returning, method: "POST", bodyBytes: 2 ** 20, connections: 8 },
    budgets: [],
  },
  {
    name: "websocket",
    title: "WebSocket messages, to and fro",
    quick: false,
    origins: 3,
    seconds: 1,
    rounds: 5,
    contenders: [bare, limpet()],
    traffic: { ...returning, isWebSocket: true },
    budgets: [],
  },
];
