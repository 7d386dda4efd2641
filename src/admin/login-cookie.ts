import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";

import { BASE64URL } from "../shared/base64url.ts";

/**
 * The dashboard's login: `v1.<end, seconds since the epoch>.<MAC>`. The key is derived from ADMIN_TOKEN, so
 * a new token voids every login, and nothing has to be remembered. It goes to the admin routes only.
 */

const LIFETIME_SECONDS = 8 * 3_600;
const HMAC = { name: "HMAC", hash: "SHA-256" } as const;
const utf8 = new TextEncoder();

/** A prefix keeps plain-http pages from planting one; `__Host-` would need the path "/". */
function nameOf(isSecure: boolean): string {
  return isSecure ? "__Secure-limpet-admin" : "limpet-admin";
}

export async function logIn(c: Context, token: string, path: string, now: number): Promise<void> {
  const end = String(Math.floor(now / 1_000) + LIFETIME_SECONDS);
  const mac = await crypto.subtle.sign("HMAC", await loginKey(token), utf8.encode(`v1.${end}`));
  const value = `v1.${end}.${new Uint8Array(mac).toBase64(BASE64URL)}`;
  const isSecure = isHttps(c);
  setCookie(c, nameOf(isSecure), value, {
    path,
    secure: isSecure,
    httpOnly: true,
    sameSite: "Strict",
    maxAge: LIFETIME_SECONDS,
  });
}

export function logOut(c: Context, path: string): void {
  const isSecure = isHttps(c);
  deleteCookie(c, nameOf(isSecure), { path, secure: isSecure, httpOnly: true, sameSite: "Strict" });
}

/** Whether the request carries a login that this token signed and that has not ended. */
export async function carriesLogin(c: Context, token: string, now: number): Promise<boolean> {
  const value = getCookie(c, nameOf(isHttps(c))) ?? "";
  const [, signed, end, mac] = /^(v1\.(\d{1,12}))\.([\w-]{43})$/.exec(value) ?? [];
  if (signed === undefined || end === undefined || mac === undefined) return false;
  if (Number(end) * 1_000 <= now) return false;
  try {
    const given = Uint8Array.fromBase64(mac, { alphabet: "base64url" });
    return await crypto.subtle.verify("HMAC", await loginKey(token), given, utf8.encode(signed));
  } catch {
    return false;
  }
}

async function loginKey(token: string): Promise<CryptoKey> {
  const root = await importKey(utf8.encode(token));
  return importKey(await crypto.subtle.sign("HMAC", root, utf8.encode("limpet admin login v1")));
}

function importKey(bytes: BufferSource): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", bytes, HMAC, false, ["sign", "verify"]);
}

function isHttps(c: Context): boolean {
  return c.req.url.startsWith("https:");
}
