import type { PoolParts } from "../../assembly/assemble.ts";
import { isCountable } from "../../shared/countable.ts";
import type { Minute } from "../../pools/control.ts";
import { viewPool } from "../pools.ts";
import type { OriginView, PoolView } from "../schemas.ts";
import { Origin } from "./origin.tsx";
import { fairShares, MINUTES, trafficOf, type Traffic } from "./share.ts";
import { countText, percentText, plural } from "./words.ts";

/** The pools with their origins: what an operator looks at first. */

export interface PoolPanel {
  readonly parts: PoolParts;
  readonly view: PoolView;
  readonly history: readonly Minute[];
}

export function loadPools(pools: readonly PoolParts[]): Promise<PoolPanel[]> {
  return Promise.all(
    pools.map(async (parts) => {
      const [view, history] = await Promise.all([viewPool(parts), parts.control().history()]);
      return { parts, view, history };
    }),
  );
}

interface Props {
  readonly path: string;
  readonly panels: readonly PoolPanel[];
  readonly now: number;
}

export function Pools({ path, panels, now }: Props) {
  return (
    <>
      {panels.map((panel, index) => (
        <Pool path={path} panel={panel} index={index} several={panels.length > 1} now={now} />
      ))}
    </>
  );
}

interface PoolProps {
  readonly path: string;
  readonly panel: PoolPanel;
  readonly index: number;
  readonly several: boolean;
  readonly now: number;
}

function Pool({ path, panel, index, several, now }: PoolProps) {
  const { parts, view, history } = panel;
  const { name, origins } = view;
  const traffic = trafficOf(history, now, MINUTES);
  const fair = fairShares(origins);
  const longest = Math.max(1, ...fair.values(), ...origins.map(({ sessions }) => sessions));
  const counted = isCountable(parts.pool.sessions);
  const rows = new Map(parts.viewer.view().origins.map((row) => [row.name, row]));
  return (
    <section class="pool" id={`pool-${index}`} aria-labelledby={`pool-${index}-name`}>
      <header class="bar-head">
        <h2 id={`pool-${index}-name`}>{name}</h2>
        <p class="quiet">{summaryOf(origins, traffic, counted)}</p>
      </header>
      <Box name={name} origins={origins.length}>
        <caption class="hidden">Origins of pool {name}</caption>
        <thead>
          <tr>
            <th scope="col">Origin</th>
            <th scope="col">State</th>
            <th scope="col" class="num">
              Weight
            </th>
            <th scope="col" class="wide">
              Sessions <span class="key">fair share</span>
            </th>
            <th scope="col" class="num">
              Errors, {MINUTES} min
            </th>
            <th scope="col">
              <span class="hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {origins.map((origin, at) => (
            <Origin
              id={`origin-${index}-${at}`}
              path={path}
              pool={name}
              several={several}
              origin={origin}
              row={rows.get(origin.name) ?? null}
              fair={fair.get(origin.name) ?? 0}
              longest={longest}
              counted={counted}
              traffic={traffic.get(origin.name) ?? null}
              now={now}
            />
          ))}
        </tbody>
      </Box>
    </section>
  );
}

/** Beyond so many origins the table scrolls by itself: what follows must stay within reach. */
const TALL = 20;

function Box(props: { name: string; origins: number; children?: unknown }) {
  const table = <table class="origins">{props.children}</table>;
  if (props.origins <= TALL) return table;
  return (
    <div class="tall" role="region" aria-label={`Origins of pool ${props.name}`} tabindex={0}>
      {table}
    </div>
  );
}

function summaryOf(
  origins: readonly OriginView[],
  traffic: ReadonlyMap<string, Traffic>,
  counted: boolean,
): string {
  const sums = [...traffic.values()];
  const requests = sums.reduce((sum, one) => sum + one.requests, 0);
  const errors = sums.reduce((sum, one) => sum + one.errors, 0);
  const sessions = origins.reduce((sum, one) => sum + one.sessions, 0);
  return [
    plural(origins.length, "origin"),
    counted ? plural(sessions, "session") : "sessions not counted",
    `${countText(requests / MINUTES)} requests/min`,
    ...(requests === 0 ? [] : [`${percentText(errors, requests)} errors`]),
  ].join(" · ");
}
