import { bare, limpet, perRequestObject, type Contender } from "./contenders.ts";

/** Who sends what. */
export interface Traffic {
  readonly connections: number;
  readonly method: string;
  readonly path: string;
  readonly bodyBytes: number;
  /** How many clients take turns, each known to the router before; 0 = every request is a new one. */
  readonly visitors: number;
  readonly headersOf: (visitor: number) => Readonly<Record<string, string>>;
}

/** A line of the budgets in docs: a ratio of medians that has to hold. */
export interface Budget {
  readonly what: string;
  readonly measure: "throughput" | "p99";
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

/** Every shot of a variant meets the same origins; the first contender is the measure. */
export const variants: readonly Variant[] = [
  {
    name: "pinned-cookie",
    title: "pinned by cookie",
    quick: true,
    origins: 3,
    contenders: [bare, perRequestObject, limpet()],
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
];
