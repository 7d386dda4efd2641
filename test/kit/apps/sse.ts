import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { instanceName, serve } from "./serve.ts";

/**
 * A feed per user, in memory. A stream ends after `?events=` of them, as a server with a time limit does
 * it, or never (`?open`); the client comes back with `Last-Event-ID`. An instance that does not have the
 * client's feed begins one, with number 1.
 */

export interface FeedEvent {
  readonly instance: string;
  readonly n: number;
}

/** The number of the last event sent to each user. */
const feeds = new Map<string, number>();

serve(
  createServer(async (request, response) => {
    const query = new URL(request.url ?? "/", "http://feed").searchParams;
    const user = query.get("user") ?? "";
    const last = Number(request.headers["last-event-id"] ?? 0);
    const sent = feeds.get(user);
    const from = sent !== undefined && last <= sent ? last : 0;
    const isOpen = query.has("open");
    const to = isOpen ? Infinity : from + Number(query.get("events") ?? 2);
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    response.write("retry: 5\n\n");
    for (let n = from + 1; n <= to && !response.destroyed; n++) {
      const event: FeedEvent = { instance: instanceName, n };
      response.write(`id: ${n}\ndata: ${JSON.stringify(event)}\n\n`);
      feeds.set(user, n);
      if (isOpen) await sleep(20);
    }
    response.end();
  }),
);
