import { setTimeout as sleep } from "node:timers/promises";

import type { OriginView } from "../../admin/schemas.ts";
import type { Connection } from "../connection.ts";
import { print, printJson } from "../output.ts";
import { count, fromNow } from "../table.ts";
import { findPool } from "./remote.ts";

const EVERY_MS = 1_000;

/** Returns once the drain has ended: by itself, at its deadline, or undone. */
export async function watchDrain(
  connection: Connection,
  pool: string,
  begun: OriginView,
  json: boolean,
): Promise<void> {
  let origin: OriginView = begun;
  let said = "";
  while (origin.drain !== null) {
    const { sessions, deadline } = origin.drain;
    const end = deadline === null ? "" : `, deadline ${fromNow(deadline, Date.now())}`;
    // A line for each change of what matters, not for each second that passes.
    if (said !== String(sessions)) print(json ? "" : `${count(sessions, "session")} left${end}\n`);
    said = String(sessions);
    await sleep(EVERY_MS);
    const { origins } = await findPool(connection, pool, begun.name);
    origin = origins.find(({ name }) => name === begun.name) ?? begun;
  }
  if (json) return printJson(origin);
  const how = origin.state === "draining" ? "drained" : `${origin.state} again`;
  print(`${origin.name} is ${how}: ${count(origin.sessions, "session")} left\n`);
}
