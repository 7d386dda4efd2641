// The usual design: a cookie names the session, and a Durable Object is asked where it belongs on
// every request. Sessions are spread over as many objects as ours are.
import { DurableObject } from "cloudflare:workers";

interface Env {
  readonly ORIGINS: readonly string[];
  readonly SESSION_MAP: DurableObjectNamespace<SessionMap>;
}

const shards = 16;

export class SessionMap extends DurableObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.storage.sql.exec(
      "CREATE TABLE IF NOT EXISTS pins (session TEXT PRIMARY KEY, origin INTEGER) WITHOUT ROWID",
    );
  }

  pin(session: string, proposed: number): number {
    const { sql } = this.ctx.storage;
    const [row] = sql
      .exec<{ origin: number }>("SELECT origin FROM pins WHERE session = ?", session)
      .toArray();
    if (row) return row.origin;
    sql.exec("INSERT INTO pins VALUES (?, ?)", session, proposed);
    return proposed;
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const known = /(?:^|; )session=([0-9a-f-]{36})/.exec(request.headers.get("cookie") ?? "")?.[1];
    const session = known ?? crypto.randomUUID();
    const shard = Number.parseInt(session.slice(0, 2), 16) % shards;
    const proposed = Math.floor(Math.random() * env.ORIGINS.length);
    const origin = await env.SESSION_MAP.getByName(`shard-${shard}`).pin(session, proposed);
    const { url } = request;
    const target = (env.ORIGINS[origin] ?? "") + url.slice(url.indexOf("/", 8));
    const response = await fetch(target, request);
    if (known) return response;
    const stamped = new Response(response.body, response);
    stamped.headers.append("set-cookie", `session=${session}; Path=/; HttpOnly; SameSite=Lax`);
    return stamped;
  },
};
