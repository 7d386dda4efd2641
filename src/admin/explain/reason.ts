import type { Located, Placement } from "../../affinity/desk.ts";
import type { BalanceName, Pool, Rule, Snapshot } from "../../model.ts";
import { lostText } from "./verdict.ts";

/** One plain sentence: why this request goes where it goes. */
export function reasonOf(
  pool: Pool,
  snapshot: Snapshot,
  placement: Placement,
  located: readonly Located[],
  burst: string | null,
): string {
  const lost = located.find((one) => one.pin !== null && one.lost !== null);
  const lostWhy =
    lost?.pin && lost.lost !== null ? lostText(lost.pin.origin, lost.lost, snapshot) : null;
  if (placement.kind === "nobody") {
    return lostWhy === null
      ? "No rule finds a usable pin, and no origin may take a session."
      : `${capital(lostWhy)}, and no other origin may take the session.`;
  }
  if (placement.kind === "refused") {
    const status = pool.failover.refuseStatus;
    const why = lostWhy ?? `no origin has issued the ID that ${nameOf(placement.rule)} shows`;
    return `${capital(why)}, and the pool refuses such sessions with ${status}.`;
  }
  const { outcome, moved, rule, standing } = placement;
  const { name } = standing.origin;
  const picked =
    burst === name
      ? `this client's first requests of the last 2 s went to ${name}`
      : `${policyText(pool.balance)} ${name}`;
  switch (outcome) {
    case "hit":
      return `The pin of ${nameOf(rule)} holds: ${name} serves.`;
    case "moved":
      if (moved === null) return `The session goes to ${name}.`;
      return moved.reason === "admin"
        ? `The session has been moved from ${moved.from} to ${name}.`
        : `${capital(lostText(moved.from, moved.reason, snapshot))}; the session moves to ${name}.`;
    case "detour":
      return `${capital(lostWhy ?? "its origin can't serve")}; ${name} serves meanwhile, and the pin stays.`;
    case "new":
      return lostWhy === null
        ? `No rule finds a pin; ${picked}.`
        : `${capital(lostWhy)}; ${name} takes the session.`;
    case "expired":
      return `The pin has expired; ${picked}.`;
    case "invalid":
      return `The pin is not valid; ${picked}.`;
    case "skip":
      return `A preflight, prefetch or skipped path makes no pin; ${picked}.`;
    case "none":
      return `Nothing keeps a pin for this request; ${picked}.`;
    case "degraded":
      return `The session map does not answer; ${name} serves.`;
    case "refused":
      return `The request is refused.`;
  }
}

/** Part of a sentence that ends with the origin's name. */
function policyText(balance: BalanceName): string {
  switch (balance) {
    case "round-robin":
      return "the next turn of this isolate's round-robin is";
    case "weighted-random":
      return "a random draw by weight, which may differ for each request, gives";
    case "least-sessions":
      return "of two random draws by weight, which may differ for each request, fewest sessions has";
    case "hash":
      return "the hash of host and path gives";
    case "nearest":
      return "the next turn among the nearest origins is";
  }
}

function nameOf(rule: Rule | null): string {
  if (rule === null) return "the rule";
  return rule.name === "" ? `the ${rule.by} rule` : `the ${rule.by} rule for ${rule.name}`;
}

function capital(text: string): string {
  // Names of origins stay as they are written.
  return /^(its|it|no|this) /.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}
