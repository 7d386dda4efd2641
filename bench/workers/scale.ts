// The router as deployed, and a door to its session map for the bench: fills a shard, calls it, and
// lets the shards work by other settings.
import limpet from "../../src/index.ts";
import type { Fresh, Limits, Shard } from "../../src/sessions/protocol.ts";

export { PoolState, SessionMap } from "../../src/assembly/objects.ts";

interface Env {
  readonly SESSION_MAP: DurableObjectNamespace;
}

interface Fill {
  readonly count: number;
  readonly limits: Limits;
}

const perCall = 500;
const base64url = { alphabet: "base64url", omitPadding: true } as const;

/** 3 usual origins, a rare one (1 in 10,000), and two rules. */
function freshOf(bytes: Uint8Array<ArrayBuffer>, now: number): Fresh {
  const id = bytes.toBase64(base64url).slice(0, 22);
  const [a = 0, b = 0, c = 0] = bytes;
  const isRare = ((a << 16) | (b << 8) | c) % 10_000 === 0;
  return [id, isRare ? "ip" : "cookie", isRare ? "app-9" : `app-${(a % 3) + 1}`, 1, now];
}

async function fill(shard: Shard, { count, limits }: Fill): Promise<void> {
  for (let done = 0; done < count; done += perCall) {
    const size = Math.min(perCall, count - done);
    const random = crypto.getRandomValues(new Uint8Array(size * 17));
    const now = Date.now();
    const rows = Array.from({ length: size }, (_, at) =>
      freshOf(random.slice(at * 17, at * 17 + 17), now),
    );
    await shard.record(JSON.stringify(rows), limits);
  }
}

export default {
  async fetch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
    const url = new URL(request.url);
    const [, door, pool, shardNumber, method = ""] = url.pathname.split("/");
    if (door !== "bench-door") return limpet.fetch(request, env as never, ctx);
    const name = `${pool}/${shardNumber}`;
    const shard = env.SESSION_MAP.getByName(name) as unknown as Shard;
    const args = (await request.json()) as unknown[];
    if (method === "fill") {
      await fill(shard, args[0] as Fill);
      return Response.json(null);
    }
    // The method is called on the stub itself: taken off it, it would be a path to another one.
    const stub = shard as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
    const answer = await stub[method]?.(...args);
    return Response.json(answer instanceof Map ? Object.fromEntries(answer) : (answer ?? null));
  },
};
