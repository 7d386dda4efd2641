import { addSums, entriesOf, type Sums } from "../shared/counts.ts";
import { STATES, type State } from "../model.ts";
import type { Family, Sample } from "./exposition.ts";
import { BOUNDS_MS } from "./meter.ts";

/** What Prometheus is told, from what is known of each pool. Pure. Described in docs/metrics.md. */

export interface PoolFacts {
  readonly pool: string;
  /** When the counters began; ms since the epoch. */
  readonly since: number;
  readonly totals: ReadonlyMap<string, Readonly<Sums>>;
  readonly sessions: ReadonlyMap<string, number> | null;
  readonly isolates: number;
  readonly isDegraded: boolean;
  readonly origins: readonly OriginFacts[];
}

export interface OriginFacts {
  readonly name: string;
  readonly health: "up" | "down";
  readonly state: State;
  readonly weight: number;
}

export function familiesOf(pools: readonly PoolFacts[]): Family[] {
  const all = [...pools.map(countedOf), refusedOf(pools)];
  const ofKind = (kind: string, label: string, by = "origin") =>
    all.flatMap(({ pool, totals }) => labelled(pool, totals, kind, by, label));
  const perPool = (valueOf: (facts: PoolFacts) => number): Sample[] =>
    pools.map((facts) => ({ labels: { pool: facts.pool }, value: valueOf(facts) }));
  const perOrigin = (valueOf: (origin: OriginFacts) => number): Sample[] =>
    pools.flatMap(({ pool, origins }) =>
      origins.map((one) => ({ labels: { pool, origin: one.name }, value: valueOf(one) })),
    );
  const mapCalls = (kind: string) =>
    pools.flatMap(({ pool, totals }) => {
      const own = new Map([["", totals.get("") ?? {}]]);
      return labelled(pool, own, kind, null, "call");
    });
  return [
    counter("requests", "Requests, by what became of their pin.", ofKind("outcome", "outcome")),
    counter("responses", "Answers, by class of status.", ofKind("class", "class")),
    counter("failures", "Requests the router answered itself.", ofKind("failure", "code")),
    {
      name: "limpet_request_duration_seconds",
      type: "histogram",
      help: "Time until the head of the answer left, retries included.",
      samples: all.flatMap(({ pool, totals }) => histograms(pool, totals)),
    },
    counter(
      "moves",
      "Requests with which a session left an origin.",
      ofKind("move", "reason", "from"),
    ),
    counter(
      "retries",
      "Further attempts at other origins.",
      perPool(({ totals }) => totals.get("")?.retries ?? 0),
    ),
    counter("map_calls", "Calls to the session map.", mapCalls("call")),
    counter("map_call_failures", "Calls to the session map that failed.", mapCalls("call-failed")),
    gauge(
      "sessions",
      "Live sessions, up to a minute old.",
      pools.flatMap(({ pool, sessions, origins }) =>
        sessions === null
          ? []
          : origins.map(({ name }) => ({
              labels: { pool, origin: name },
              value: sessions.get(name) ?? 0,
            })),
      ),
    ),
    gauge(
      "origin_up",
      "1 while the origin is up.",
      perOrigin(({ health }) => (health === "up" ? 1 : 0)),
    ),
    gauge(
      "origin_state",
      "1 for the state that holds.",
      pools.flatMap(({ pool, origins }) =>
        origins.flatMap(({ name, state }) =>
          STATES.map((one) => ({
            labels: { pool, origin: name, state: one },
            value: one === state ? 1 : 0,
          })),
        ),
      ),
    ),
    gauge(
      "origin_weight",
      "Weight in balancing.",
      perOrigin(({ weight }) => weight),
    ),
    gauge(
      "degraded",
      "1 while requests are served without the session map.",
      perPool(({ isDegraded }) => (isDegraded ? 1 : 0)),
    ),
    gauge(
      "isolates",
      "Isolates that reported within the last minute.",
      perPool(({ isolates }) => isolates),
    ),
    gauge(
      "counters_start_time_seconds",
      "When the pool's counters began.",
      perPool(({ since }) => since / 1_000),
    ),
  ];
}

type Totals = ReadonlyMap<string, Readonly<Sums>>;

function counter(name: string, help: string, samples: readonly Sample[]): Family {
  return { name: `limpet_${name}_total`, type: "counter", help, samples };
}

function gauge(name: string, help: string, samples: readonly Sample[]): Family {
  return { name: `limpet_${name}`, type: "gauge", help, samples };
}

/** In an order that does not depend on what came first. */
function countedOf({ pool, totals }: PoolFacts): { pool: string; totals: Totals } {
  return {
    pool,
    totals: new Map([...totals].toSorted(([one], [other]) => (one < other ? -1 : 1))),
  };
}

/** What no pool took, which any pool's object may have been told, as pool "". */
function refusedOf(pools: readonly PoolFacts[]): { pool: string; totals: Totals } {
  const sums: Sums = {};
  for (const { totals } of pools) {
    for (const [key, n] of entriesOf(totals.get("") ?? {})) {
      if (!key.startsWith("refused ")) continue;
      addSums(sums, { "outcome none": n, [`failure ${key.slice("refused ".length)}`]: n });
    }
  }
  return { pool: "", totals: new Map([["", sums]]) };
}

/** The counters of one kind, such as `outcome hit`; `by` names the label that holds the origin. */
function labelled(
  pool: string,
  totals: Totals,
  kind: string,
  by: string | null,
  label: string,
): Sample[] {
  const prefix = `${kind} `;
  return [...totals].flatMap(([origin, sums]) =>
    entriesOf(sums)
      .filter(([key]) => key.startsWith(prefix))
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, value]) => {
        const labels = { pool, ...(by === null ? {} : { [by]: origin }) };
        return { labels: { ...labels, [label]: key.slice(prefix.length) }, value };
      }),
  );
}

function histograms(pool: string, totals: Totals): Sample[] {
  return [...totals].flatMap(([origin, sums]) => {
    const labels = { pool, origin };
    let count = 0;
    const buckets = [...BOUNDS_MS, "+Inf" as const].map((bound): Sample => {
      count += sums[`within ${bound}`] ?? 0;
      const le = bound === "+Inf" ? bound : String(bound / 1_000);
      return { suffix: "_bucket", labels: { ...labels, le }, value: count };
    });
    if (count === 0) return [];
    const sum: Sample = { suffix: "_sum", labels, value: (sums.ms ?? 0) / 1_000 };
    return [...buckets, sum, { suffix: "_count", labels, value: count }];
  });
}
