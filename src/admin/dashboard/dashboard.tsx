import type { Context, Hono } from "hono";

import type { PoolParts, Router } from "../../assembly/assemble.ts";
import { BY, type By, type Problem } from "../../model.ts";
import { fail } from "../auth.ts";
import { findByValue } from "../find.ts";
import { hasOrigin, viewPool } from "../pools.ts";
import { cursorShape } from "../schemas.ts";
import { findSession } from "../sessions.ts";
import { AskOrigin, AskSession } from "./ask.tsx";
import { actOnOrigin, actOnSession, type Done } from "./change.ts";
import { Events } from "./events.tsx";
import { Explained, explained, Refused } from "./explain.tsx";
import { isAction } from "./origin.tsx";
import { Misconfigured, Overview } from "./overview.tsx";
import { sendPage } from "./page.tsx";
import { loadPools, Pools } from "./pools.tsx";
import { FoundSessions, SessionPage } from "./sessions.tsx";

/** The page for operators, and the pieces of it that the browser asks for again. */

interface Parts {
  /** The admin's path. */
  readonly path: string;
  readonly router: Promise<Router> | null;
  readonly problems: readonly Problem[];
}

export function addDashboard(app: Hono, { path, router, problems }: Parts): void {
  app.get("/*", async (c, next) => {
    const isPage = c.req.path === path || c.req.path === `${path}/`;
    if (!isPage) return next();
    const { host, origin } = new URL(c.req.url);
    if (router === null) {
      const children = <Misconfigured path={path} host={host} problems={problems} />;
      return sendPage({ c, path, title: "Misconfigured · Limpet", status: 500, children });
    }
    const { pools } = await router;
    const panels = await loadPools(pools);
    const children = (
      <Overview path={path} origin={origin} pools={pools} panels={panels} now={Date.now()} />
    );
    const scripts = ["htmx.js", "uplot.js", "charts.js", "live.js"] as const;
    return sendPage({ c, path, title: `${host} · Limpet`, scripts, children });
  });

  if (router === null) return;

  app.get("/ui/pools", async (c) => {
    const panels = await loadPools((await router).pools);
    return c.html(<Pools path={path} panels={panels} now={Date.now()} />);
  });

  app.get("/ui/history", async (c) => {
    const { pools } = await router;
    const histories = pools.map(async ({ pool, control, desk }) => {
      const [minutes, counts] = await Promise.all([control().history(), desk.store.counts()]);
      const origins = pool.origins.map(({ name }) => ({ name, sessions: counts.get(name) ?? 0 }));
      return { pool: pool.name, origins, minutes };
    });
    return c.json({ now: Date.now(), pools: await Promise.all(histories) });
  });

  app.get("/ui/events", async (c) => c.html(<Events pools={(await router).pools} />));

  app.get("/ui/sessions", async (c) => {
    const { pools } = await router;
    const [pool, origin, by, cursor] = ["pool", "origin", "by", "cursor"].map(
      (name) => c.req.query(name) || undefined,
    );
    const query = {
      ...(pool === undefined ? {} : { pool }),
      ...(origin === undefined ? {} : { origin }),
      ...(isBy(by) ? { by } : {}),
      ...(cursor !== undefined && cursorShape.test(cursor) ? { cursor } : {}),
    };
    return c.html(<SessionPage path={path} pools={pools} query={query} now={Date.now()} />);
  });

  app.post("/ui/find", async (c) => {
    const { pools } = await router;
    const { value } = await formOf(c);
    const sessions = value.trim() === "" ? [] : await findByValue(pools, value.slice(0, 4096));
    return c.html(<FoundSessions path={path} pools={pools} sessions={sessions} now={Date.now()} />);
  });

  app.get("/ui/ask", async (c) => {
    const { pools } = await router;
    const { action = "", pool = "", origin = "", session = "" } = c.req.query();
    if (session !== "") {
      const found = await findSession(pools, session);
      const parts = pools.find((one) => one.pool.name === found?.pool);
      if (found === null || parts === undefined) return c.html(<Gone />);
      const { origins } = await viewPool(parts);
      const verb = action === "move" ? "move" : "release";
      return c.html(<AskSession path={path} session={found} origins={origins} action={verb} />);
    }
    const parts = poolNamed(pools, pool, origin);
    if (parts === null || !isAction(action)) return fail(c, { code: "not_found" });
    const { origins } = await viewPool(parts);
    const view = origins.find(({ name }) => name === origin);
    return view === undefined
      ? fail(c, { code: "not_found" })
      : c.html(
          <AskOrigin
            path={path}
            parts={parts}
            several={pools.length > 1}
            origin={view}
            action={action}
          />,
        );
  });

  app.post("/ui/explain", async (c) => {
    const told = await explained(c, await router);
    return c.html("value" in told ? <Explained value={told.value} /> : <Refused failure={told} />);
  });

  app.post("/ui/do", async (c) => {
    const { pools } = await router;
    const { action, pool, origin, session, target, ...given } = await formOf(c);
    if (session !== "") {
      const verb = action === "move" ? "move" : "release";
      return told(c, await actOnSession(pools, session, verb, target));
    }
    const parts = poolNamed(pools, pool, origin);
    if (parts === null || !isAction(action)) return fail(c, { code: "not_found" });
    return told(c, await actOnOrigin(parts, origin, action, given));
  });
}

/** Nothing to show, and the news for whoever listens; or the problem, for the open question. */
function told(c: Context, done: Done): Response | Promise<Response> {
  if ("problem" in done) return c.html(<>{done.problem}</>);
  c.header("HX-Trigger", JSON.stringify({ "limpet:done": { text: done.done } }));
  return c.body(null, 204);
}

function Gone() {
  return (
    <form method="dialog">
      <h2 id="ask-title">This session has ended</h2>
      <p class="buttons">
        <button type="submit">Close</button>
      </p>
    </form>
  );
}

function poolNamed(pools: readonly PoolParts[], pool: string, origin: string): PoolParts | null {
  return pools.find((one) => one.pool.name === pool && hasOrigin(one, origin)) ?? null;
}

function isBy(text: string | undefined): text is By {
  return BY.some((by) => by === text);
}

const FIELDS = [
  "action",
  "pool",
  "origin",
  "session",
  "target",
  "weight",
  "deadline",
  "tag",
  "value",
] as const;

/** The fields of a form; an absent one is empty. */
async function formOf(c: Context): Promise<Record<(typeof FIELDS)[number], string>> {
  const body = await c.req.parseBody();
  const entries = FIELDS.map((name) => {
    const given = body[name];
    return [name, typeof given === "string" ? given : ""];
  });
  return Object.fromEntries(entries) as Record<(typeof FIELDS)[number], string>;
}
