import { adminApp } from "../../../src/admin/api.ts";
import type { AdminSettings } from "../../../src/model.ts";

export const TOKEN = "only-for-tests-admin-token";
export const HOST = "https://shop.example.com";
export const OWN = { origin: HOST, "sec-fetch-site": "same-origin" };

export type Ask = (path: string, init?: RequestInit) => Promise<Response>;

/** The admin of a deployment whose configuration is wrong: whoever gets in is answered 500. */
export function startAdmin(settings: Partial<AdminSettings> = {}, host = HOST): Ask {
  const admin = { path: "/__limpet", token: TOKEN, access: null, ...settings };
  const app = adminApp({ admin, router: null, problems: [], fetchers: () => null });
  return async (path, init) => await app.request(`${host}/__limpet${path}`, init);
}

export function loginForm(token: string, headers: Record<string, string> = OWN): RequestInit {
  return { method: "POST", headers, body: new URLSearchParams({ token }), redirect: "manual" };
}

/** `name=value` of the cookie that an answer sets. */
export function cookieOf(answer: Response): string {
  return answer.headers.get("set-cookie")?.split(";", 1)[0] ?? "";
}
