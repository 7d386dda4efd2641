import type { Context } from "hono";
import { getCookie } from "hono/cookie";
import { createRemoteJWKSet, customFetch } from "jose/jwks/remote";
import { jwtVerify } from "jose/jwt/verify";

import type { AccessSettings } from "../model.ts";
import { warn } from "../shared/warn.ts";

export type AccessCheck = (c: Context) => Promise<boolean>;

/** How long an answer with the team's certificates may take. */
const CERTS_TIMEOUT_MS = 3_000;

/**
 * Whether the request carries an assertion of Cloudflare Access for this application: in the header
 * that Access adds, or in its cookie. The team's keys are fetched when needed, and kept.
 */
export function accessCheck({ team, audience }: AccessSettings): AccessCheck {
  const issuer = `https://${team}.cloudflareaccess.com`;
  const keys = createRemoteJWKSet(new URL(`${issuer}/cdn-cgi/access/certs`), {
    timeoutDuration: CERTS_TIMEOUT_MS,
    [customFetch]: (url, init) => fetch(url, init),
  });
  return async (c) => {
    const assertion = c.req.header("cf-access-jwt-assertion") ?? getCookie(c, "CF_Authorization");
    if (assertion === undefined) return false;
    try {
      await jwtVerify(assertion, keys, {
        issuer,
        audience,
        algorithms: ["RS256"],
        requiredClaims: ["exp"],
      });
      return true;
    } catch (error) {
      warn("Access assertion refused", { team }, error);
      return false;
    }
  };
}
