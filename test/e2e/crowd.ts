import type { Counts } from "../kit/tally.ts";
import type { Client, ClientAnswer } from "../kit/jar.ts";
import type { OriginAnswer } from "../kit/origin-routes.ts";

/** One client and where its session lives. */
export interface Member {
  readonly client: Client;
  readonly path: string;
  home: string;
}

/** What a crowd of clients has met so far. */
export interface Met {
  requests: number;
  /** No answer of an origin, or none at all. */
  failed: number;
  /** Served, but not by the session's home. */
  away: number;
  slowestMs: number;
}

/** Clients that visit together and remember where they were at home first. */
export class Crowd {
  readonly members: Member[] = [];
  readonly #newClient: () => Client;

  constructor(newClient: () => Client) {
    this.#newClient = newClient;
  }

  /** New clients, each with its first request; `path` is what it asks for, `again` later on. */
  async join(count: number, path: (n: number) => string, again: string): Promise<Met> {
    const from = this.members.length;
    const joined = Array.from({ length: count }, () => ({
      client: this.#newClient(),
      path: again,
      home: "",
    }));
    this.members.push(...joined);
    return meet(joined, (_, at) => path(from + at));
  }

  /** One request of every client, all at once. */
  visit(): Promise<Met> {
    return meet(this.members, ({ path }) => path);
  }
}

async function meet(
  members: readonly Member[],
  path: (member: Member, at: number) => string,
): Promise<Met> {
  const met: Met = { requests: 0, failed: 0, away: 0, slowestMs: 0 };
  await Promise.all(
    members.map(async (member, at) => {
      const began = Date.now();
      const answer = await member.client.get(path(member, at)).catch(() => null);
      met.requests += 1;
      met.slowestMs = Math.max(met.slowestMs, Date.now() - began);
      const origin = originOf(answer);
      if (origin === null) met.failed += 1;
      else if (member.home === "") member.home = origin;
      else if (member.home !== origin) met.away += 1;
    }),
  );
  return met;
}

function originOf(answer: ClientAnswer | null): string | null {
  if (answer?.status !== 200 || !answer.complete) return null;
  return answer.json<OriginAnswer>().origin;
}

export function sum(all: readonly Met[]): Met {
  return {
    requests: all.reduce((total, met) => total + met.requests, 0),
    failed: all.reduce((total, met) => total + met.failed, 0),
    away: all.reduce((total, met) => total + met.away, 0),
    slowestMs: Math.max(0, ...all.map((met) => met.slowestMs)),
  };
}

/** What a run with so many injected faults has cost, for the report. */
export function lossesOf({ requests, away, failed }: Met, faults: number): Counts {
  return { requests, faults, pinsLost: away, failed };
}
