import { Option, type Command } from "commander";

import type { SessionView } from "../../admin/schemas.ts";
import { BY } from "../../model.ts";
import { call, type Connection } from "../connection.ts";
import { Failure } from "../failure.ts";
import { confirm, note, print, printJson } from "../output.ts";
import { count, fields, fromNow, table } from "../table.ts";
import {
  connect,
  destructive,
  findPool,
  listPools,
  remote,
  unknown,
  type Remote,
} from "./remote.ts";

interface Page {
  readonly sessions: readonly SessionView[];
  readonly cursor: string | null;
}

interface Filter {
  readonly pool?: string;
  readonly origin?: string;
}

interface ListOptions extends Remote, Filter {
  readonly by?: string;
  readonly limit: string;
  readonly cursor?: string;
  readonly all?: boolean;
}

/** An ID may begin with a hyphen, which would make an option of it: a blank before it prevents that. */
export function shielded(argument: string): string {
  return /^-[\w-]{21}$/.test(argument) ? ` ${argument}` : argument;
}

function unshielded(argument: string): string {
  return argument.trim();
}

export function addSessionCommands(program: Command): void {
  remote(program.command("sessions"))
    .description("the session map, page by page")
    .option("--pool <pool>", "only of this pool")
    .option("--origin <origin>", "only of this origin")
    .addOption(new Option("--by <kind>", "only of this kind of rule").choices(BY))
    .option("--limit <number>", "sessions of a page, 1 to 1000", "100")
    .option("--cursor <cursor>", "of the page before")
    .option("--all", "page after page")
    .action(async (options: ListOptions) => list(connect(options), options));

  remote(program.command("session"))
    .description("one session")
    .argument("<id>", "", unshielded)
    .action(async (id: string, options: Remote) => {
      show(await onSession(connect(options), id, { has: "id" }), options);
    });

  remote(program.command("move"))
    .description("moves a session to another origin of its pool")
    .argument("<id>", "", unshielded)
    .argument("<origin>")
    .action(async (id: string, origin: string, options: Remote) => {
      const connection = connect(options);
      const { pool } = await onSession(connection, id, { has: "id" });
      await findPool(connection, pool, origin);
      const move = { method: "PATCH", body: { origin }, has: "id" } as const;
      show(await onSession(connection, id, move), options);
    });

  destructive(program.command("release"))
    .description("ends a session, or all of an origin or pool: the clients are balanced anew")
    .argument("[id]", "of one session; or:", unshielded)
    .option("--origin <origin>", "all sessions of this origin")
    .option("--pool <pool>", "all sessions of this pool, or of the origin only there")
    .action(async (id: string | undefined, options: Remote & Filter) => {
      const isMany = options.pool !== undefined || options.origin !== undefined;
      if (isMany === (id !== undefined)) {
        throw new Failure(2, "give either the id of a session, or --origin, --pool or both");
      }
      const connection = connect(options);
      if (id === undefined) return releaseMany(connection, options);
      await confirm(`Release session ${id}?`, options);
      const released = await onSession(connection, id, { method: "DELETE", has: "id" });
      if (options.json) return printJson(released);
      return print(`released ${released.id} from ${released.origin}\n`);
    });
}

async function releaseMany(connection: Connection, options: Remote & Filter): Promise<void> {
  const { pool, origin } = options;
  await checkFilter(connection, options);
  const what = [origin && `origin ${origin}`, pool && `pool ${pool}`].filter(Boolean).join(" in ");
  await confirm(`Release all sessions of ${what}?`, options);
  const answer = await call<{ released: number }>(
    connection,
    `/api/sessions${queryOf({ pool, origin })}`,
    {
      method: "DELETE",
      has: "released",
    },
  );
  if (answer === null) throw new Failure(1, `there is no ${what}`);
  if (options.json) printJson(answer);
  else print(`released ${count(answer.released, "session")} of ${what}\n`);
}

async function list(connection: Connection, options: ListOptions): Promise<void> {
  await checkFilter(connection, options);
  const first = await pageAt(connection, options, options.cursor);
  if (!options.all) {
    if (options.json) return printJson(first);
    print(sessionTable(first.sessions, 0));
    if (first.cursor !== null) note(`There are more: --all, or --cursor ${first.cursor}`);
    return;
  }
  let shown = 0;
  for (let page: Page | null = first; page !== null;) {
    const { sessions, cursor }: Page = page;
    if (options.json) printPart(sessions, shown);
    else if (sessions.length > 0 || cursor === null) print(sessionTable(sessions, shown));
    shown += sessions.length;
    page = cursor === null ? null : await pageAt(connection, options, cursor);
  }
  if (options.json) print(`${shown === 0 ? '{ "sessions": [' : ""}\n], "cursor": null }\n`);
}

async function pageAt(
  connection: Connection,
  { pool, origin, by, limit }: ListOptions,
  cursor: string | undefined,
): Promise<Page> {
  const path = `/api/sessions${queryOf({ pool, origin, by, limit, cursor })}`;
  const page = await call<Page>(connection, path, { has: "sessions" });
  if (page === null) throw new Failure(1, `there is no pool "${pool}"`);
  return page;
}

/** A million sessions make a text that no string can hold: it leaves page by page. */
function printPart(sessions: readonly SessionView[], shown: number): void {
  for (const [index, session] of sessions.entries()) {
    print(`${shown + index === 0 ? '{ "sessions": [\n' : ",\n"}  ${JSON.stringify(session)}`);
  }
}

/** A name that is nowhere would only show an empty list. */
async function checkFilter(connection: Connection, { pool, origin }: Filter): Promise<void> {
  if (pool !== undefined) return void (await findPool(connection, pool, origin));
  if (origin === undefined) return;
  const origins = (await listPools(connection)).flatMap((one) => one.origins);
  if (!origins.some(({ name }) => name === origin)) throw unknown(`origin "${origin}"`, origins);
}

async function onSession(
  connection: Connection,
  id: string,
  how: Parameters<typeof call>[2],
): Promise<SessionView> {
  const session = await call<SessionView>(
    connection,
    `/api/sessions/${encodeURIComponent(id)}`,
    how,
  );
  if (session === null) throw new Failure(1, `there is no session ${id}`);
  return session;
}

function queryOf(values: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]],
  );
  return `?${new URLSearchParams(given)}`;
}

function show(session: SessionView, { json }: Remote): void {
  if (json) return printJson(session);
  const { id, pool, by, origin, created, seen, expires } = session;
  const now = Date.now();
  const time = (iso: string) => `${iso} (${fromNow(iso, now)})`;
  print(
    fields([
      ["id", id],
      ["pool", pool],
      ["by", by],
      ["origin", origin],
      ["created", time(created)],
      ["seen", time(seen)],
      ["expires", time(expires)],
    ]),
  );
}

const HEADINGS = ["ID", "POOL", "BY", "ORIGIN", "CREATED", "SEEN", "EXPIRES"];

function sessionTable(sessions: readonly SessionView[], shown: number): string {
  const now = Date.now();
  const text = table(
    HEADINGS,
    sessions.map(({ id, pool, by, origin, created, seen, expires }) => [
      id,
      pool,
      by,
      origin,
      fromNow(created, now),
      fromNow(seen, now),
      fromNow(expires, now),
    ]),
  );
  return shown === 0 ? text : text.slice(text.indexOf("\n") + 1);
}
