import { entriesOf, type Counts } from "../shared/counts.ts";
import type { Minute, MinuteOfOrigin } from "./control.ts";

/** How a minute of the history grows. Pure. */

export const MINUTE_MS = 60_000;

export function minuteOf(now: number): number {
  return Math.floor(now / MINUTE_MS) * MINUTE_MS;
}

/** Sessions stay what they were until they are counted again. */
export function beginMinute(at: number, before: Minute | null): Minute {
  const origins = Object.entries(before?.origins ?? {})
    .filter(([, { sessions }]) => sessions > 0)
    .map(([name, { sessions }]) => [name, { sessions, requests: 0, errors: 0 }]);
  return { at, outcomes: {}, origins: Object.fromEntries(origins) };
}

/** The minute with an isolate's report. Errors are answers of 500 and above, whoever made them. */
export function addToMinute(minute: Minute, sums: Counts["sums"]): Minute {
  const outcomes = new Map(Object.entries(minute.outcomes));
  const origins = new Map(Object.entries(minute.origins));
  for (const [name, more] of sums) {
    let requests = 0;
    for (const [counter, n] of entriesOf(more)) {
      const [kind, label = ""] = counter.split(" ");
      if (kind !== "outcome") continue;
      requests += n;
      outcomes.set(label, (outcomes.get(label) ?? 0) + n);
    }
    if (name === "" || requests === 0) continue;
    const before = origins.get(name) ?? NOTHING;
    origins.set(name, {
      sessions: before.sessions,
      requests: before.requests + requests,
      errors: before.errors + (more["class 5xx"] ?? 0),
    });
  }
  const { at } = minute;
  return { at, outcomes: Object.fromEntries(outcomes), origins: Object.fromEntries(origins) };
}

/** The minute with the live sessions as they have just been counted. */
export function withSessions(minute: Minute, sessions: ReadonlyMap<string, number>): Minute {
  const origins = new Map(Object.entries(minute.origins));
  for (const [name, before] of origins) origins.set(name, { ...before, sessions: 0 });
  for (const [name, count] of sessions) {
    origins.set(name, { ...(origins.get(name) ?? NOTHING), sessions: count });
  }
  return { ...minute, origins: Object.fromEntries(origins) };
}

const NOTHING: MinuteOfOrigin = { sessions: 0, requests: 0, errors: 0 };
