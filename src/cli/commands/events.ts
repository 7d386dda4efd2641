import { setTimeout as sleep } from "node:timers/promises";

import type { Command } from "commander";

import type { EventView } from "../../admin/schemas.ts";
import { call, type Connection } from "../connection.ts";
import { print, printJson } from "../output.ts";
import { table } from "../table.ts";
import { connect, noAdmin, remote, type Remote } from "./remote.ts";

interface Page {
  readonly events: readonly EventView[];
  readonly cursor: string | null;
}

interface EventOptions extends Remote {
  readonly limit: string;
  readonly follow?: boolean;
}

const EVERY_MS = 2_000;
/** How far back events may still come in: pools have clocks of their own. */
const LOOK_BACK_MS = 60_000;

export function addEventCommands(program: Command): void {
  remote(program.command("events"))
    .description("what happened, the newest last")
    .option("--limit <number>", "how many, 1 to 1000", "20")
    .option("-f, --follow", "go on with those that come (with --json: a line for each)")
    .action(async (options: EventOptions) => {
      const connection = connect(options);
      const page = await getPage(connection, options.limit, null);
      if (options.follow) return follow(connection, page.events, options.json === true);
      if (options.json) return printJson(page);
      return print(eventTable(page.events.toReversed(), true));
    });
}

async function follow(
  connection: Connection,
  first: readonly EventView[],
  json: boolean,
): Promise<void> {
  const show = (events: readonly EventView[], isFirst: boolean) => {
    const inOrder = events.toReversed();
    if (json) for (const event of inOrder) print(`${JSON.stringify(event)}\n`);
    else if (isFirst || inOrder.length > 0) print(eventTable(inOrder, isFirst));
  };
  show(first, true);
  const newest = newestOf(first);
  // Older ones that were not asked for are not news.
  const older = (await eventsSince(connection, lookBack(newest))).filter(
    ({ time }) => time < newest,
  );
  let seen = [...without(first, older), ...older];
  for (;;) {
    const since = lookBack(newestOf(seen));
    const fresh = without(await eventsSince(connection, since), seen);
    show(fresh, false);
    seen = [...fresh, ...seen.filter(({ time }) => time >= since)];
    await sleep(EVERY_MS);
  }
}

function newestOf(events: readonly EventView[]): string {
  return events.reduce((newest, { time }) => (time > newest ? time : newest), "");
}

function lookBack(time: string): string {
  return time === "" ? "" : new Date(Date.parse(time) - LOOK_BACK_MS).toISOString();
}

async function eventsSince(connection: Connection, since: string): Promise<EventView[]> {
  const events: EventView[] = [];
  let cursor: string | null = null;
  do {
    const page: Page = await getPage(connection, "100", cursor);
    events.push(...page.events.filter(({ time }) => time >= since));
    const isOlder = page.events.some(({ time }) => time < since);
    cursor = isOlder ? null : page.cursor;
  } while (cursor !== null);
  return events;
}

/** Events may be alike in everything: each of `seen` takes away one. */
function without(events: readonly EventView[], seen: readonly EventView[]): EventView[] {
  const left = new Map<string, number>();
  for (const event of seen) {
    const key = JSON.stringify(event);
    left.set(key, (left.get(key) ?? 0) + 1);
  }
  return events.filter((event) => {
    const key = JSON.stringify(event);
    const before = left.get(key) ?? 0;
    left.set(key, before - 1);
    return before <= 0;
  });
}

async function getPage(
  connection: Connection,
  limit: string,
  cursor: string | null,
): Promise<Page> {
  const query = new URLSearchParams({ limit, ...(cursor === null ? {} : { cursor }) });
  const page = await call<Page>(connection, `/api/events?${query}`, { has: "events" });
  if (page === null) throw noAdmin(connection);
  return page;
}

function eventTable(events: readonly EventView[], withHeadings: boolean): string {
  const text = table(
    ["TIME", "POOL", "EVENT", "ORIGIN", "CAUSE"],
    events.map(({ time, pool, kind, origin, cause }) => [time, pool, kind, origin ?? "", cause]),
  );
  return withHeadings ? text : text.slice(text.indexOf("\n") + 1);
}
