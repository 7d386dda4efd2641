import type { CookieSettings, Rule } from "../model.ts";

/**
 * The name of a cookie of ours. The prefix makes browsers enforce what it promises: `__Host-` host
 * only, Path=/, Secure; `__Secure-` Secure. The default pool's name never changes when a second
 * pool is added.
 */
export function cookieName(
  settings: CookieSettings,
  base: string,
  pool: string,
  scheme: "http:" | "https:",
): string {
  if (settings.name !== null) return settings.name;
  const name = pool === "default" ? base : `${base}-${pool}`;
  if (scheme !== "https:" || settings.secure === false) return name;
  return settings.domain === null && settings.path === "/" ? `__Host-${name}` : `__Secure-${name}`;
}

/** What the name of a rule's cookie begins with: a companion is named for what it accompanies. */
export function cookieBase({ by, name }: Rule): string {
  return by === "cookie" ? "affinity" : `affinity-${name}`;
}
