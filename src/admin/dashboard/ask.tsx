import type { PoolParts } from "../../assembly/assemble.ts";
import { showDuration } from "../../config/duration.ts";
import { isCountable } from "../../shared/countable.ts";
import type { OriginView, SessionView } from "../schemas.ts";
import type { Action } from "./origin.tsx";
import { plural } from "./words.ts";

/** The questions before something changes: what will happen, to how many sessions. */

interface FrameProps {
  readonly path: string;
  readonly title: string;
  readonly verb: string;
  readonly about: Readonly<Record<string, string>>;
  readonly children?: unknown;
}

function Frame({ path, title, verb, about, children }: FrameProps) {
  return (
    <form hx-post={`${path}/ui/do`} hx-target="#problem" hx-disable="find button[type=submit]">
      <h2 id="ask-title">{title}</h2>
      {Object.entries(about).map(([name, value]) => (
        <input type="hidden" name={name} value={value} />
      ))}
      {children}
      <p id="problem" role="alert"></p>
      <p class="buttons">
        <button type="button" data-close>
          Cancel
        </button>
        <button type="submit" class="primary">
          {verb}
        </button>
      </p>
    </form>
  );
}

interface OriginProps {
  readonly path: string;
  readonly parts: PoolParts;
  /** Whether there are other pools, which may have an origin of this name too. */
  readonly several: boolean;
  readonly origin: OriginView;
  readonly action: Action;
}

export function AskOrigin({ path, parts, several, origin, action }: OriginProps) {
  const { name } = origin;
  const { title, verb } = HEADS[action](several ? `${name} in ${parts.pool.name}` : name);
  return (
    <Frame
      path={path}
      title={title}
      verb={verb}
      about={{ action, pool: parts.pool.name, origin: name, tag: origin.etag.slice(1, -1) }}
    >
      <p>{consequence(parts, origin, action)}</p>
      {action === "drain" ? <Deadline drainMs={parts.pool.drainMs} /> : null}
      {action === "weight" ? (
        <p>
          <label for="weight">Weight, 0 to 1000</label>
          <input
            id="weight"
            name="weight"
            type="number"
            min="0"
            max="1000"
            step="1"
            required
            value={String(origin.weight)}
          />
        </p>
      ) : null}
    </Frame>
  );
}

const HEADS: Readonly<Record<Action, (name: string) => { title: string; verb: string }>> = {
  drain: (name) => ({ title: `Drain ${name}?`, verb: "Drain" }),
  undo: (name) => ({ title: `Undo the drain of ${name}?`, verb: "Undo drain" }),
  disable: (name) => ({ title: `Disable ${name}?`, verb: "Disable" }),
  enable: (name) => ({ title: `Enable ${name}?`, verb: "Enable" }),
  release: (name) => ({ title: `Release all sessions of ${name}?`, verb: "Release" }),
  weight: (name) => ({ title: `Weight of ${name}`, verb: "Set weight" }),
};

function consequence({ pool }: PoolParts, origin: OriginView, action: Action): string {
  const { name } = origin;
  const its = isCountable(pool.sessions) ? plural(origin.sessions, "session") : "All its sessions";
  const refuses = pool.failover.onLost === "refuse";
  const lose = refuses ? `are refused with ${pool.failover.refuseStatus}` : "will move";
  switch (action) {
    case "drain":
      return `${its} stay until they end, or until the deadline: then those that are left ${lose}. New sessions go elsewhere from now on.`;
    case "undo":
      return `${its} stay, and ${name} gets new ones again. Sessions that have moved away do not come back.`;
    case "disable":
      return `${its} ${lose}, each with its next request. ${name} gets no request at all until it is enabled.`;
    case "enable":
      return `${name} gets new sessions again. Sessions that have moved away do not come back.`;
    case "release":
      return `${its} will be forgotten. Their clients are balanced as new with their next request, and may come back to ${name}; drain or disable it first if they shall not. Pins by route and hash can't be released.`;
    case "weight":
      return `The share of new sessions that ${name} gets, beside the other weights. Sessions stay where they are; 0 drains.`;
  }
}

function Deadline({ drainMs }: { drainMs: number | null }) {
  return (
    <p>
      <label for="deadline">Deadline</label>
      <input
        id="deadline"
        name="deadline"
        required
        value={drainMs === null ? "none" : showDuration(drainMs)}
        aria-describedby="deadline-help"
      />
      <span id="deadline-help" class="quiet small">
        Such as 30s, 5m or 2h; none: until the last session ends.
      </span>
    </p>
  );
}

interface SessionProps {
  readonly path: string;
  readonly session: SessionView;
  readonly origins: readonly OriginView[];
  readonly action: "move" | "release";
}

export function AskSession({ path, session, origins, action }: SessionProps) {
  const { id, origin, by } = session;
  const about = { action, session: id };
  if (action === "release") {
    return (
      <Frame path={path} title="Release this session?" verb="Release" about={about}>
        <p>
          <code>{id}</code>, by {by} on {origin}, will be forgotten. Its client is balanced as new
          with its next request.
        </p>
      </Frame>
    );
  }
  return (
    <Frame path={path} title="Move this session?" verb="Move" about={about}>
      <p>
        <code>{id}</code>, by {by}, is on {origin}. 1 session will move: its client follows with its
        next request, and what {origin} holds of it stays there.
      </p>
      <p>
        <label for="target">To</label>
        <select id="target" name="target">
          {origins
            .filter(({ name }) => name !== origin)
            .map(({ name, state, health }) => (
              <option value={name}>
                {name}
                {state === "active" ? "" : `, ${state}`}
                {health === "up" ? "" : ", down"}
              </option>
            ))}
        </select>
      </p>
    </Frame>
  );
}
