import type { PoolParts } from "../../assembly/assemble.ts";
import { listEvents } from "../events.ts";
import { spanText } from "./words.ts";

const SHOWN = 30;

/** "deadline 300000 ms" as "deadline 5 min". */
function readable(cause: string): string {
  return cause.replace(/\b(\d+) ms\b/g, (_, durationMs: string) => spanText(Number(durationMs)));
}

/** What happened to the pools, newest first. */
export async function Events({ pools }: { pools: readonly PoolParts[] }) {
  const { events } = await listEvents(pools, { limit: SHOWN });
  const today = new Date().toISOString().slice(0, 10);
  if (events.length === 0) return <p class="quiet">Nothing has happened yet.</p>;
  return (
    <ol class="events">
      {events.map(({ time, pool, kind, origin, cause }) => (
        <li>
          <time datetime={time} class="quiet">
            {time.startsWith(today) ? "" : `${time.slice(5, 10)} `}
            {time.slice(11, 19)}
          </time>
          <span>
            <strong>{kind}</strong> {origin ?? ""}
            {pools.length > 1 ? <span class="quiet"> in {pool}</span> : null}
            <span class="quiet"> {readable(cause)}</span>
          </span>
        </li>
      ))}
    </ol>
  );
}
