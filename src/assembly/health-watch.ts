import { makePassive } from "../health/passive.ts";
import type { Background, Pool } from "../model.ts";
import type { Control } from "../pools/control.ts";
import { isOut } from "../pools/origin-row.ts";
import type { LocalHealth, Viewer } from "../pools/view.ts";
import type { Attempt } from "../proxy/forward.ts";
import { warn } from "../shared/warn.ts";

/** Watches what origins answer to live traffic, ejects those that fail, and says so to the others. */
export interface HealthWatch {
  observe(origin: string, attempt: Attempt, background: Background): void;
  readonly local: LocalHealth;
}

export function healthWatch(pool: Pool, control: () => Control, viewer: () => Viewer): HealthWatch {
  const outOf = (now: number) => {
    const out = viewer()
      .view()
      .origins.filter((row) => isOut(row, now));
    const names = new Set(out.map(({ name }) => name));
    for (const [name, until] of passive.ejections) if (until > now) names.add(name);
    return pool.origins.filter(({ name }) => names.has(name)).length;
  };
  const passive = makePassive(pool.health, pool.origins.length, outOf);
  return {
    local: passive,
    observe(origin, attempt, background) {
      const isBad = isBadSign(attempt);
      if (!isBad && passive.isQuiet) return;
      const ejectMs = passive.observe(origin, isBad ? "bad" : "good", Date.now());
      if (ejectMs === null) return;
      const cause =
        attempt.kind === "answered" ? `status ${attempt.response.status}` : attempt.kind;
      warn("origin ejected", { pool: pool.name, origin, ejectMs, cause });
      background(
        control()
          .report(origin, ejectMs, `${pool.health.failures} failures in a row, last: ${cause}`)
          .then((isTaken) => {
            if (!isTaken) passive.pardon(origin);
          })
          .catch((error: unknown) => warn("ejection not shared", { pool: pool.name }, error)),
      );
    },
  };
}

/** Connect errors, timeouts and 502/503/504 only: anything else is the application's own word. */
function isBadSign(attempt: Attempt): boolean {
  if (attempt.kind !== "answered") return true;
  const { status } = attempt.response;
  return status === 502 || status === 503 || status === 504;
}
