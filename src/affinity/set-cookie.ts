import type { CookieSettings } from "../model.ts";

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

/** The Set-Cookie line; `maxAgeSeconds` null leaves a session cookie, 0 ends it. */
export function setCookie(
  name: string,
  value: string,
  settings: CookieSettings,
  scheme: "http:" | "https:",
  maxAgeSeconds: number | null,
): string {
  const { path, domain, sameSite, partitioned } = settings;
  const secure = settings.secure ?? scheme === "https:";
  let line = `${name}=${value}; Path=${path}`;
  if (domain !== null) line += `; Domain=${domain}`;
  if (maxAgeSeconds !== null) line += `; Max-Age=${maxAgeSeconds}`;
  line += "; HttpOnly";
  if (secure) line += "; Secure";
  line += `; SameSite=${sameSite}`;
  if (partitioned) line += "; Partitioned";
  return line;
}
