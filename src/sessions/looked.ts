import type { Answer, Proposal } from "../shared/session-store.ts";

/** What the map would answer to a proposal, by what it has. Pure; the same rules as a real assignment. */
export function looked(known: Answer, proposal: Proposal | null, now: number): Answer {
  if (known.kind === "pinned" || proposal === null) return known;
  if (known.kind === "released" && proposal.carried) return known;
  const { origin, generation, created } = proposal;
  return { kind: "pinned", fresh: true, origin, generation, created: created ?? now, seen: now };
}
