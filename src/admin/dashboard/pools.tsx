import type { PoolParts } from "../../assemble.ts";
import { isCountable } from "../../countable.ts";
import type { Minute } from "../../pools/control.ts";
import type { OriginRow } from "../../pools/statements.ts";
import { viewPool } from "../pools.ts";
import type { OriginView, PoolView } from "../schemas.ts";
import { drainShare, fairShares, trafficOf, type Traffic } from "./share.ts";
import { countText, percentText, plural, spanText } from "./words.ts";

/** The pools with their origins: what an operator looks at first. */

const MINUTES = 5;

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
        <Pool path={path} panel={panel} index={index} now={now} />
      ))}
    </>
  );
}

interface PoolProps {
  readonly path: string;
  readonly panel: PoolPanel;
  readonly index: number;
  readonly now: number;
}

function Pool({ path, panel, index, now }: PoolProps) {
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
      <table class="origins">
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
      </table>
    </section>
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

interface OriginProps {
  readonly id: string;
  readonly path: string;
  readonly pool: string;
  readonly origin: OriginView;
  readonly row: OriginRow | null;
  readonly fair: number;
  readonly longest: number;
  readonly counted: boolean;
  readonly traffic: Traffic | null;
  readonly now: number;
}

function Origin(props: OriginProps) {
  const { id, path, pool, origin, row, fair, longest, counted, traffic, now } = props;
  const { name, state, health, weight, tier, sessions } = origin;
  const isBad = traffic !== null && traffic.errors / traffic.requests >= 0.05;
  return (
    <tr id={id} data-origin={name}>
      <th scope="row">
        <span class="name">{name}</span>
        {tier > 0 ? <span class="quiet"> tier {tier}</span> : null}
      </th>
      <td data-label="State">
        <span class={`chip ${state}`}>{state}</span> <span class={`chip ${health}`}>{health}</span>
        {health === "down" ? <span class="quiet small">{downText(row, now)}</span> : null}
      </td>
      <td data-label="Weight" class="num">
        <Ask
          path={path}
          pool={pool}
          origin={name}
          action="weight"
          label={`Weight of ${name}: ${countText(weight)}`}
        >
          {countText(weight)}
        </Ask>
      </td>
      <td data-label="Sessions" class="wide">
        {counted ? (
          <Sessions sessions={sessions} fair={fair} longest={longest} state={state} />
        ) : (
          <span class="quiet">not counted</span>
        )}
        <Drain id={id} origin={origin} now={now} />
      </td>
      <td data-label={`Errors, ${MINUTES} min`} class={isBad ? "num bad" : "num"}>
        {traffic === null || traffic.requests === 0 ? (
          <span class="quiet">no requests</span>
        ) : (
          <>
            {percentText(traffic.errors, traffic.requests)}
            <span class="quiet small">{countText(traffic.requests / MINUTES)}/min</span>
          </>
        )}
      </td>
      <td class="actions">
        {actionsFor(origin).map((action) => (
          <Ask
            path={path}
            pool={pool}
            origin={name}
            action={action}
            label={`${LABELS[action]} ${name}`}
          >
            {LABELS[action]}
          </Ask>
        ))}
      </td>
    </tr>
  );
}

const LABELS = {
  drain: "Drain",
  undo: "Undo drain",
  disable: "Disable",
  enable: "Enable",
  release: "Release",
  weight: "Weight",
} as const;

export type Action = keyof typeof LABELS;

export function isAction(text: string): text is Action {
  return Object.hasOwn(LABELS, text);
}

function actionsFor({ state }: OriginView): readonly Action[] {
  switch (state) {
    case "active":
      return ["drain", "disable", "release"];
    case "draining":
      return ["undo", "disable", "release"];
    case "disabled":
      return ["enable", "release"];
  }
}

interface AskProps {
  readonly path: string;
  readonly pool: string;
  readonly origin: string;
  readonly action: Action;
  readonly label: string;
  readonly children?: unknown;
}

/** A button that opens the question whether it is really meant. */
function Ask({ path, pool, origin, action, label, children }: AskProps) {
  const query = new URLSearchParams({ action, pool, origin });
  return (
    <button
      type="button"
      class={action === "weight" ? "link" : "small"}
      aria-label={label}
      aria-haspopup="dialog"
      hx-get={`${path}/ui/ask?${query}`}
      hx-target="#ask"
    >
      {children}
    </button>
  );
}

interface SessionsProps {
  readonly sessions: number;
  readonly fair: number;
  readonly longest: number;
  readonly state: string;
}

/** A bar as long as the count, with a mark where the fair share would end. */
function Sessions({ sessions, fair, longest, state }: SessionsProps) {
  const share = (count: number) => `${((100 * count) / longest).toFixed(1)}%`;
  return (
    <div class="sessions">
      <svg class={`bar ${state}`} aria-hidden="true" width="100%" height="10">
        <rect class="rail" width="100%" height="10" rx="2" />
        <rect class="fill" width={share(sessions)} height="10" rx="2" />
        {fair > 0 ? <line class="mark" x1={share(fair)} x2={share(fair)} y1="-3" y2="13" /> : null}
      </svg>
      <span class="count">
        {countText(sessions)}
        {fair > 0 ? <span class="quiet"> fair {countText(fair)}</span> : null}
      </span>
    </div>
  );
}

function Drain({ id, origin, now }: { id: string; origin: OriginView; now: number }) {
  const { drain, state, sessions, name } = origin;
  if (drain === null) {
    return state === "draining" ? <p class="drain quiet small">Drained: keeps none</p> : null;
  }
  const share = drainShare(drain, now);
  const text =
    drain.deadline === null
      ? `${countText(sessions)} left, until the last one ends; draining for ${spanText(now - Date.parse(drain.since))}`
      : `${countText(sessions)} left; those still here move in ${spanText(Date.parse(drain.deadline) - now)}`;
  return (
    <div class="drain">
      {share === null ? null : (
        <progress
          id={`${id}-drain`}
          max="100"
          value={(share * 100).toFixed(1)}
          aria-label={`Drain of ${name}`}
        />
      )}
      <span class="small">{text}</span>
    </div>
  );
}

function downText(row: OriginRow | null, now: number): string {
  if (row?.probe === "down") return "fails its checks";
  if (row !== null && row.ejected_until > now) {
    return `ejected, ${spanText(row.ejected_until - now)} left`;
  }
  return "ejected";
}
