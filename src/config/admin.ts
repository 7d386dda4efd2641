import type { AccessSettings, Problem } from "../model.ts";
import { show } from "./problem.ts";

/** Where the admin routes are, and what opens them. */

const TOKEN_LENGTH = 16;
export const DEFAULT_ADMIN_PATH = "/__limpet";

export function readToken(given: unknown, problems: Problem[]): string | null {
  if (given === undefined || given === "") return null;
  if (typeof given === "string" && given.length >= TOKEN_LENGTH && /^[!-~]+$/.test(given)) {
    return given;
  }
  problems.push({
    path: "ADMIN_TOKEN",
    value: "(hidden)",
    expected: `at least ${TOKEN_LENGTH} printable characters without blanks, or absent (no admin routes then)`,
  });
  return null;
}

/** Both or neither: a team alone would let every application of the team in. */
export function readAccess(
  team: unknown,
  audience: unknown,
  problems: Problem[],
): AccessSettings | null {
  const isAbsent = (given: unknown) => given === undefined || given === "";
  if (isAbsent(team) && isAbsent(audience)) return null;
  const isTeam = typeof team === "string" && /^[a-z0-9-]{1,63}$/.test(team);
  const isAudience = typeof audience === "string" && /^[\w-]{16,128}$/.test(audience);
  if (isTeam && isAudience) return { team, audience };
  if (!isTeam) {
    const expected = "the name before .cloudflareaccess.com, or absent beside an absent ACCESS_AUD";
    problems.push({ path: "ACCESS_TEAM", value: show(team), expected });
  }
  if (!isAudience) {
    const expected = "the application's audience tag, or absent beside an absent ACCESS_TEAM";
    problems.push({ path: "ACCESS_AUD", value: show(audience), expected });
  }
  return null;
}

export function readAdminPath(given: unknown, problems: Problem[]): string {
  if (given === undefined) return DEFAULT_ADMIN_PATH;
  if (
    typeof given === "string" &&
    /^(\/[\w.~-]+)+$/.test(given) &&
    !/\/\.{1,2}(\/|$)/.test(given)
  ) {
    return given;
  }
  problems.push({
    path: "ADMIN_PATH",
    value: show(given),
    expected: `a path such as "${DEFAULT_ADMIN_PATH}", without a trailing slash`,
  });
  return DEFAULT_ADMIN_PATH;
}
