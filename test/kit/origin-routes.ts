import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { RecordedRequest } from "./origins.ts";

export interface OriginContext {
  readonly name: string;
  readonly recorded: RecordedRequest;
  /** Settles when the whole request body is in `recorded.body`. */
  readonly ended: Promise<void>;
}

/** The body of a default answer. */
export interface OriginAnswer {
  readonly origin: string;
  readonly method: string;
  readonly url: string;
  readonly headers: RecordedRequest["headers"];
  readonly body: { readonly length: number; readonly sha256: string; readonly text: string };
}

/**
 * What an origin answers, by the last words of the path (so that base paths don't matter):
 *
 * - `/status/N`, `/bytes/N`, `/redirect?to=&status=`, `/echo` (streams the body back),
 *   `/sse?n=&ms=` (an event every 50 ms), `/slow?ms=` (waits before the headers)
 * - everything else: JSON, an `OriginAnswer`
 *
 * Every route adds a Set-Cookie line per `?cookie=` and a header line per `?header=name:value`.
 */
export async function answerByPath(
  request: IncomingMessage,
  response: ServerResponse,
  context: OriginContext,
): Promise<void> {
  const target = request.url ?? "/";
  const query = new URLSearchParams(target.split("?").slice(1).join("?"));
  const path = target.split("?")[0] ?? "/";
  const number = (name: string, fallback: number): number => Number(query.get(name) ?? fallback);
  for (const line of query.getAll("cookie")) response.appendHeader("set-cookie", line);
  for (const line of query.getAll("header")) {
    const [name = "", ...value] = line.split(":");
    response.appendHeader(name, value.join(":").trim());
  }
  const [word = "", argument = ""] = (/\/(status|bytes)\/(\d+)$/.exec(path) ?? []).slice(1);
  switch (word || path.split("/").at(-1)) {
    case "status":
      response.writeHead(Number(argument));
      response.end([204, 304].includes(Number(argument)) ? undefined : context.name);
      return;
    case "bytes":
      response.setHeader("content-length", argument);
      response.end(
        request.method === "HEAD" ? undefined : Buffer.alloc(Number(argument), "limpet "),
      );
      return;
    case "redirect":
      response.writeHead(number("status", 302), { location: query.get("to") ?? "/" }).end();
      return;
    case "echo":
      response.setHeader("content-type", request.headers["content-type"] ?? "text/plain");
      request.pipe(response);
      return;
    case "sse":
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (let n = 0; n < number("n", 5) && !response.destroyed; n++) {
        if (n > 0) await sleep(number("ms", 50));
        response.write(`data: ${n}\n\n`);
      }
      response.end();
      return;
    case "slow":
      await sleep(number("ms", 500));
  }
  await context.ended;
  const { method, url, headers, body } = context.recorded;
  const answer: OriginAnswer = {
    origin: context.name,
    method,
    url,
    headers,
    body: {
      length: body.length,
      sha256: createHash("sha256").update(body).digest("hex"),
      text: body.subarray(0, 65_536).toString("utf8"),
    },
  };
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(answer));
}
