import type { PoolParts } from "../../assembly/assemble.ts";
import { BY } from "../../model.ts";
import type { SessionView, SessionsQuery } from "../schemas.ts";
import { listSessions } from "../sessions.ts";
import { agoText } from "./words.ts";

/** The session map, a page at a time, or what a search has found in it. */

const PAGE_ROWS = 15;

interface ListProps {
  readonly path: string;
  readonly pools: readonly PoolParts[];
  readonly query: Omit<SessionsQuery, "limit">;
  readonly now: number;
}

export async function SessionPage({ path, pools, query, now }: ListProps) {
  const { sessions, cursor } = await listSessions(pools, { ...query, limit: PAGE_ROWS });
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const next = new URLSearchParams(given as [string, string][]);
  const first = new URLSearchParams(next);
  first.delete("cursor");
  if (cursor !== null) next.set("cursor", cursor);
  return (
    <div id="page">
      <input type="hidden" name="cursor" value={query.cursor ?? ""} />
      {sessions.length === 0 ? (
        <p class="quiet">
          {query.cursor === undefined ? "No sessions." : "No more sessions on this page."}
        </p>
      ) : (
        <Table path={path} pools={pools} sessions={sessions} now={now} />
      )}
      <p class="pages">
        {query.cursor === undefined ? null : (
          <Turn id="first-page" to={`${path}/ui/sessions?${first}`}>
            First page
          </Turn>
        )}
        {cursor === null ? null : (
          <Turn id="next-page" to={`${path}/ui/sessions?${next}`}>
            Next page
          </Turn>
        )}
      </p>
    </div>
  );
}

function Turn({ id, to, children }: { id: string; to: string; children?: unknown }) {
  return (
    <button type="button" id={id} hx-get={to} hx-target="#sessions" hx-swap="innerMorph">
      {children}
    </button>
  );
}

interface FoundProps {
  readonly path: string;
  readonly pools: readonly PoolParts[];
  readonly sessions: readonly SessionView[];
  readonly now: number;
}

export function FoundSessions({ path, pools, sessions, now }: FoundProps) {
  return (
    <div id="page" data-found>
      <p>
        {sessions.length === 0
          ? "No session: it is unknown here, or has ended. "
          : `${sessions.length} found. `}
        <button type="button" class="link" hx-get={`${path}/ui/sessions`} hx-target="#sessions">
          Back to all sessions
        </button>
      </p>
      {sessions.length === 0 ? null : (
        <Table path={path} pools={pools} sessions={sessions} now={now} />
      )}
    </div>
  );
}

function Table({ path, pools, sessions, now }: FoundProps) {
  const several = pools.length > 1;
  return (
    <table class="list">
      <caption class="hidden">Sessions</caption>
      <thead>
        <tr>
          <th scope="col">Session</th>
          {several ? <th scope="col">Pool</th> : null}
          <th scope="col">Rule</th>
          <th scope="col">Origin</th>
          <th scope="col" class="num">
            Age
          </th>
          <th scope="col" class="num">
            Seen
          </th>
          <th scope="col" class="num">
            Ends in
          </th>
          <th scope="col">
            <span class="hidden">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {sessions.map((session) => (
          <Row path={path} session={session} several={several} now={now} />
        ))}
      </tbody>
    </table>
  );
}

interface RowProps {
  readonly path: string;
  readonly session: SessionView;
  readonly several: boolean;
  readonly now: number;
}

function Row({ path, session, several, now }: RowProps) {
  const { id, pool, by, origin, created, seen, expires } = session;
  return (
    <tr id={`s-${id}`}>
      <th scope="row">
        <code>{id}</code>
      </th>
      {several ? <td data-label="Pool">{pool}</td> : null}
      <td data-label="Rule">{by}</td>
      <td data-label="Origin">{origin}</td>
      <td data-label="Age" class="num">
        <time datetime={created}>{agoText(now - Date.parse(created))}</time>
      </td>
      <td data-label="Seen" class="num">
        <time datetime={seen}>{agoText(now - Date.parse(seen))} ago</time>
      </td>
      <td data-label="Ends in" class="num">
        <time datetime={expires}>{agoText(Date.parse(expires) - now)}</time>
      </td>
      <td class="actions">
        {(["move", "release"] as const).map((action) => (
          <button
            type="button"
            class="small"
            aria-label={`${VERBS[action]} session ${id}`}
            aria-haspopup="dialog"
            hx-get={`${path}/ui/ask?${new URLSearchParams({ action, session: id })}`}
            hx-target="#ask"
          >
            {VERBS[action]}
          </button>
        ))}
      </td>
    </tr>
  );
}

const VERBS = { move: "Move", release: "Release" } as const;

/** The fields above the table. They stay while the table is renewed. */
export function SessionTools({ path, pools }: { path: string; pools: readonly PoolParts[] }) {
  const origins = [...new Set(pools.flatMap(({ pool }) => pool.origins.map(({ name }) => name)))];
  return (
    <div class="tools">
      <form id="find" hx-post={`${path}/ui/find`} hx-target="#sessions" role="search">
        <label for="value">Find a session</label>
        <input
          id="value"
          name="value"
          type="search"
          required
          maxlength={4096}
          autocomplete="off"
          spellcheck={false}
          placeholder="ID, cookie, header value or address"
        />
        <button type="submit">Find</button>
      </form>
      <form
        id="filter"
        hx-get={`${path}/ui/sessions`}
        hx-trigger="change"
        hx-target="#sessions"
        hx-swap="innerMorph"
      >
        {pools.length > 1 ? (
          <Choice name="pool" label="Pool" values={pools.map(({ pool }) => pool.name)} />
        ) : null}
        <Choice name="origin" label="Origin" values={origins} />
        <Choice name="by" label="Rule" values={BY} />
      </form>
    </div>
  );
}

interface ChoiceProps {
  readonly name: string;
  readonly label: string;
  readonly values: readonly string[];
}

function Choice({ name, label, values }: ChoiceProps) {
  return (
    <label>
      {label}{" "}
      <select name={name}>
        <option value="">all</option>
        {values.map((value) => (
          <option>{value}</option>
        ))}
      </select>
    </label>
  );
}
