import type { CookieSettings } from "../model.ts";

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
