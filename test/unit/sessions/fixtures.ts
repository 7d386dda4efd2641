import { env } from "cloudflare:workers";

import type { Ask, Limits } from "../../../src/sessions/protocol.ts";
import type { SessionMap } from "../../../src/sessions/session-map.ts";
import type { Answer, Proposal } from "../../../src/shared/session-store.ts";

export const LIMITS: Limits = { idleMs: 10_000, ttlMs: 60_000, cap: 1_000 };
/** Ahead of the real clock, by which the runtime rings alarms: none rings unless a test says so. */
export const START = Date.UTC(2040, 0, 1);

let shardsMade = 0;

export type Stub = DurableObjectStub<SessionMap>;

/** A shard that no other test has used. */
export function newShard(): Stub {
  shardsMade += 1;
  return env.SESSION_MAP.getByName(`test-${shardsMade}/0`);
}

/** 22 characters of base64url, in the order of the numbers. */
export function idOf(number: number): string {
  return number.toString(36).padStart(22, "0");
}

export function proposing(origin: string, of: Partial<Proposal> = {}): Proposal {
  return { origin, generation: 1, created: null, carried: false, ...of };
}

export async function assign(
  stub: Stub,
  id: string,
  proposal: Proposal | string | null,
  limits = LIMITS,
): Promise<Answer> {
  const given = typeof proposal === "string" ? proposing(proposal) : proposal;
  const ask: Ask = { id, by: "query", proposal: given };
  const [answer] = await stub.assign([ask], limits);
  if (answer === undefined) throw new Error("no answer");
  return answer;
}

/** The origin a session is pinned to; or what the map says instead. */
export async function homeOf(stub: Stub, id: string, limits = LIMITS): Promise<string> {
  const answer = await assign(stub, id, null, limits);
  return answer.kind === "pinned" ? answer.origin : answer.kind;
}

export async function fill(stub: Stub, count: number, limits = LIMITS): Promise<void> {
  const asks = Array.from({ length: count }, (_, at): Ask => ({
    id: idOf(at),
    by: "query",
    proposal: proposing("app-1"),
  }));
  for (let from = 0; from < count; from += 500) {
    await stub.assign(asks.slice(from, from + 500), limits);
  }
}

export const ALL = { origin: null, by: null };
