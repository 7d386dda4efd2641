import type { Arrival } from "../arrival.ts";
import type { Background } from "../model.ts";
import type { Carriers } from "./carriers.ts";
import { SOON_MS, type Desk, type Placed } from "./desk.ts";

/** The Set-Cookie lines an answer must carry; none for most. */
export async function cookiesFor(
  placement: Placed,
  carriers: Carriers,
  { scheme, now }: Arrival,
): Promise<string[]> {
  const { origin, generation } = placement.standing;
  const lines: string[] = [];
  for (const { rule, sessionId, created, reissue } of placement.held) {
    const carrier = carriers.of.get(rule);
    if (!reissue || sessionId === null || carrier === undefined) continue;
    lines.push(
      await carrier.issue({ sessionId, origin, generation, created, renewed: now }, scheme),
    );
  }
  return lines;
}

/** Puts newly issued pins into the map; nobody waits for it, for the client carries them. */
export function record(desk: Desk, placement: Placed, now: number, background: Background): void {
  const { origin, generation } = placement.standing;
  for (const held of placement.held) {
    if (!held.isNew || held.sessionId === null) continue;
    const isFirst = held.created === now;
    if (
      desk.pool.sessions.record === "never" ||
      (desk.pool.sessions.record === "return" && isFirst)
    ) {
      continue;
    }
    const proposal = { origin: origin.name, generation, created: held.created, carried: true };
    const stored = held
      .ids()
      .then((ids) =>
        desk.store.assign(ids.slice(0, 1), held.rule.by, proposal, {
          windowMs: SOON_MS,
          background,
        }),
      )
      .catch((error: unknown) => {
        console.warn(
          JSON.stringify({
            message: "session not recorded",
            pool: desk.pool.name,
            error: String(error),
          }),
        );
      });
    background(stored);
  }
}
