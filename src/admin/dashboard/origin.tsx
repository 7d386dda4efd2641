import type { OriginRow } from "../../pools/statements.ts";
import type { OriginView } from "../schemas.ts";
import { drainShare, MINUTES, type Traffic } from "./share.ts";
import { countText, percentText, spanText } from "./words.ts";

/** An origin's row: state, weight, sessions beside its fair share, errors, and what can be done. */

interface OriginProps {
  readonly id: string;
  readonly path: string;
  readonly pool: string;
  /** Whether there are other pools, which may have an origin of this name too. */
  readonly several: boolean;
  readonly origin: OriginView;
  readonly row: OriginRow | null;
  readonly fair: number;
  readonly longest: number;
  readonly counted: boolean;
  readonly traffic: Traffic | null;
  readonly now: number;
}

/** One origin of a pool. */
export function Origin(props: OriginProps) {
  const { id, path, pool, several, origin, row, fair, longest, counted, traffic, now } = props;
  const { name, state, health, weight, tier, sessions } = origin;
  const called = several ? `${name} in ${pool}` : name;
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
          label={`Weight of ${called}: ${countText(weight)}`}
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
            label={`${LABELS[action]} ${called}`}
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
