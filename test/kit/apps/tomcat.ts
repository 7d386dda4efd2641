import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { instanceName, serve } from "./serve.ts";

/**
 * Sessions the way Tomcat with `jvmRoute` keeps them: the ID ends in `.<route>`; it comes by the cookie
 * JSESSIONID, or by `;jsessionid=` in the path, and links are rewritten to hold it until the client has
 * shown a cookie. An unknown ID begins a new session.
 */

export interface ServletAnswer {
  readonly instance: string;
  readonly hits: number;
  readonly isNew: boolean;
  /** A link of the page, as `response.encodeURL` writes it. */
  readonly next: string;
}

const sessions = new Map<string, { hits: number }>();

serve(
  createServer((request, response) => {
    const cookie = /(?:^|;\s*)JSESSIONID=([^;]+)/.exec(request.headers.cookie ?? "")?.[1];
    const [path = "/", inPath] = (request.url ?? "/").split(/;jsessionid=([^/?;]+)/);
    const asked = cookie ?? inPath ?? "";
    const id = sessions.has(asked)
      ? asked
      : `${randomBytes(16).toString("hex").toUpperCase()}.${instanceName}`;
    const session = sessions.get(id) ?? { hits: 0 };
    sessions.set(id, session);
    session.hits += 1;
    // Read to its end, so that the connection can serve the next request.
    request.resume();
    if (id !== asked) response.setHeader("set-cookie", `JSESSIONID=${id}; Path=/; HttpOnly`);
    response.setHeader("content-type", "application/json");
    const next = cookie === undefined ? `${path};jsessionid=${id}` : path;
    const answer: ServletAnswer = {
      instance: instanceName,
      hits: session.hits,
      isNew: id !== asked,
      next,
    };
    response.end(JSON.stringify(answer));
  }),
);
