import { cookiesNamed } from "../cookie-header.ts";
import type { KeySource } from "../sighting.ts";

/** The value of a cookie that the application sets. Of several with its name the first counts. */
export function appCookieKey(name: string): KeySource {
  return ({ cookies }) =>
    cookies === null ? null : (cookiesNamed(cookies, name)[0]?.value ?? null);
}
