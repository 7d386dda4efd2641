import type { PoolParts } from "../../assembly/assemble.ts";
import type { Problem } from "../../model.ts";
import { Events } from "./events.tsx";
import { Pools, type PoolPanel } from "./pools.tsx";
import { SessionPage, SessionTools } from "./sessions.tsx";

/** The one page that an operator leaves open. */

interface Props {
  readonly path: string;
  /** Scheme, host and port that the page is at. */
  readonly origin: string;
  readonly pools: readonly PoolParts[];
  readonly panels: readonly PoolPanel[];
  readonly now: number;
}

export function Overview({ path, origin, pools, panels, now }: Props) {
  return (
    <>
      <a class="skip" href="#main">
        Skip to the pools
      </a>
      <Top path={path} host={new URL(origin).host} live />
      <main id="main">
        <div
          id="pools"
          hx-get={`${path}/ui/pools`}
          hx-trigger="limpet:tick from:body"
          hx-swap="innerMorph"
          hx-sync="this:drop"
        >
          <Pools path={path} panels={panels} now={now} />
        </div>
        <section aria-labelledby="hour" class="charts" data-history={`${path}/ui/history`}>
          <h2 id="hour">
            Last hour <span class="quiet">UTC</span>
          </h2>
          {panels.map(({ view }) => (
            <div class="pair">
              <Chart pool={view.name} kind="sessions" several={panels.length > 1} />
              <Chart pool={view.name} kind="outcomes" several={panels.length > 1} />
            </div>
          ))}
        </section>
        <div class="columns">
          <section aria-labelledby="sessions-head">
            <h2 id="sessions-head">Sessions</h2>
            <SessionTools path={path} pools={pools} />
            <div
              id="sessions"
              hx-get={`${path}/ui/sessions`}
              hx-include="#filter, #page"
              hx-trigger="limpet:list from:body"
              hx-swap="innerMorph"
              hx-sync="this:drop"
            >
              <SessionPage path={path} pools={pools} query={{}} now={now} />
            </div>
          </section>
          <section aria-labelledby="events-head">
            <h2 id="events-head">
              Events <span class="quiet">UTC</span>
            </h2>
            <div
              id="events"
              role="log"
              aria-labelledby="events-head"
              tabindex={0}
              hx-get={`${path}/ui/events`}
              hx-trigger="limpet:tick from:body"
              hx-swap="innerMorph"
              hx-sync="this:drop"
            >
              <Events pools={pools} />
            </div>
          </section>
        </div>
        <ExplainForm path={path} origin={origin} />
      </main>
      <dialog id="dialog" aria-labelledby="ask-title">
        <div id="ask"></div>
      </dialog>
      <p id="notice" role="status"></p>
    </>
  );
}

interface TopProps {
  readonly path: string;
  readonly host: string;
  readonly live: boolean;
}

function Top({ path, host, live }: TopProps) {
  return (
    <header class="top">
      <h1>
        Limpet <span class="quiet">{host}</span>
      </h1>
      {live ? (
        <p id="pulse" role="status" data-state="live">
          live
        </p>
      ) : null}
      <form method="post" action={`${path}/logout`}>
        <button type="submit" class="link">
          Log out
        </button>
      </form>
    </header>
  );
}

const TITLES = { sessions: "Sessions per origin", outcomes: "Requests per minute, by outcome" };

interface ChartProps {
  readonly pool: string;
  readonly kind: keyof typeof TITLES;
  readonly several: boolean;
}

function Chart({ pool, kind, several }: ChartProps) {
  return (
    <figure data-pool={pool} data-chart={kind}>
      <figcaption>
        {several ? <strong>{pool} </strong> : null}
        {TITLES[kind]}
      </figcaption>
      <div class="plot" aria-hidden="true"></div>
      <ul class="legend" aria-label={`${TITLES[kind]}, the last minute`}></ul>
    </figure>
  );
}

function ExplainForm({ path, origin }: { path: string; origin: string }) {
  return (
    <section aria-labelledby="explain-head" class="explain">
      <h2 id="explain-head">Explain a request</h2>
      <p class="quiet">Where would it go, and why? Nothing is sent, and nothing changes.</p>
      <form hx-post={`${path}/ui/explain`} hx-target="#explained">
        <label class="url">
          URL
          <input name="url" type="url" required maxlength={8192} value={`${origin}/`} />
        </label>
        <label>
          Method
          <select name="method">
            {["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].map((method) => (
              <option>{method}</option>
            ))}
          </select>
        </label>
        <label>
          Client address
          <input name="ip" maxlength={64} placeholder="as the headers say" autocomplete="off" />
        </label>
        <label class="headers">
          Headers, one per line
          <textarea
            name="headers"
            rows={3}
            spellcheck={false}
            placeholder="Cookie: affinity=…"
          ></textarea>
        </label>
        <button type="submit" class="primary">
          Explain
        </button>
      </form>
      <div id="explained" aria-live="polite"></div>
    </section>
  );
}

/** What is to be seen while the configuration is wrong. */
export function Misconfigured(props: {
  readonly path: string;
  readonly host: string;
  readonly problems: readonly Problem[];
}) {
  const { path, host, problems } = props;
  return (
    <>
      <Top path={path} host={host} live={false} />
      <main>
        <h2>The configuration is wrong</h2>
        <p>Every request is answered 500 until this is mended.</p>
        <table class="list">
          <thead>
            <tr>
              <th scope="col">Setting</th>
              <th scope="col">Value</th>
              <th scope="col">Expected</th>
            </tr>
          </thead>
          <tbody>
            {problems.map(({ path: place, value, expected }) => (
              <tr>
                <th scope="row">
                  <code>{place}</code>
                </th>
                <td data-label="Value">
                  <code>{value}</code>
                </td>
                <td data-label="Expected">{expected}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </main>
    </>
  );
}
