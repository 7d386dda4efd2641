import * as v from "valibot";

import type { PoolParts } from "../../assembly/assemble.ts";
import type { OriginChange } from "../../pools/control.ts";
import { changeOrigin, releaseAll, viewPool } from "../pools.ts";
import { originBody, toChange } from "../routes/pools.ts";
import { moveSession, releaseSession } from "../sessions.ts";
import type { Action } from "./origin.tsx";
import { plural } from "./words.ts";

/** What the dashboard's buttons do: the same functions as the routes of the API. */

/** What has been done, in words; or why nothing has. */
export type Done = { readonly done: string } | { readonly problem: string };

/** The fields of a question about an origin; `tag`: what the origin was when it was asked. */
interface Given {
  readonly weight: string;
  readonly deadline: string;
  readonly tag: string;
}

export async function actOnOrigin(
  parts: PoolParts,
  origin: string,
  action: Action,
  given: Given,
): Promise<Done> {
  const faster = {
    problem: `Somebody else has changed ${origin} meanwhile. Cancel, and look again.`,
  };
  if (action === "release") {
    const { origins } = await viewPool(parts);
    const isAsAsked = origins.some(
      ({ name, etag }) => name === origin && etag === `"${given.tag}"`,
    );
    if (!isAsAsked) return faster;
    return { done: `${plural(await releaseAll(parts, origin), "session")} of ${origin} released` };
  }
  const wish = wishFor(parts, origin, action, given);
  const parsed = v.safeParse(originBody, wish);
  if (!parsed.success) {
    return { problem: `Expected ${parsed.issues.map(({ message }) => message).join("; ")}.` };
  }
  const change: OriginChange = { ...toChange(parsed.output), onlyIf: [given.tag] };
  const isMade = await changeOrigin(parts, origin, change);
  return isMade ? { done: `${origin}: ${DONE[action]}` } : faster;
}

const DONE = {
  drain: "draining",
  undo: "drain undone",
  disable: "disabled",
  enable: "enabled",
  weight: "weight set",
} as const;

type Wish = v.InferInput<typeof originBody>;

/** Back to the configuration where that says the same, so that a later change of it counts. */
function wishFor(
  { pool }: PoolParts,
  name: string,
  action: Exclude<Action, "release">,
  { weight, deadline }: Given,
): Wish {
  const configured = pool.origins.find((origin) => origin.name === name);
  const active = configured?.state === "active" ? null : "active";
  switch (action) {
    case "drain":
      return { state: "draining", deadline: deadline.trim() };
    case "disable":
      return { state: "disabled" };
    case "enable":
      return { state: active };
    case "undo":
      // A weight of 0 drains as well.
      return { state: active, weight: configured?.weight === 0 ? 1 : null };
    case "weight":
      return { weight: weight.trim() === "" ? Number.NaN : Number(weight) };
  }
}

export async function actOnSession(
  pools: readonly PoolParts[],
  session: string,
  action: "move" | "release",
  target: string,
): Promise<Done> {
  const gone = { problem: "This session has ended meanwhile." };
  if (action === "release") {
    const released = await releaseSession(pools, session, null);
    return typeof released === "string"
      ? gone
      : { done: `Session released from ${released.origin}` };
  }
  const moved = await moveSession(pools, session, target, null);
  if (moved === "no session" || moved === "changed") return gone;
  if (moved === "no origin") return { problem: "There is no such origin in its pool." };
  return { done: `Session moved to ${moved.origin}` };
}
