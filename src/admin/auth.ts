import type { Context, MiddlewareHandler } from "hono";

import { requestIdOf } from "../shared/arrival.ts";
import type { AdminSettings } from "../model.ts";
import { failureResponse, type Failure } from "../outcome.ts";
import { accessCheck, type AccessCheck } from "./access.ts";
import { makeAttempts, type Attempts } from "./attempts.ts";
import { carriesLogin } from "./login-cookie.ts";
import { isSameSite } from "./same-site.ts";

/** Who may use the admin routes: a bearer token, a login cookie, or Cloudflare Access's assertion. */

/** What the browser sends by itself needs the same-site check; a bearer token does not. */
type Proof = "token" | "browser";

export interface Door {
  /** For every admin route: 404 without a token, 401 without proof, 403 for writes from elsewhere. */
  readonly guard: MiddlewareHandler;
  /** Null if the token is right; the failure to answer with otherwise. */
  readonly tryToken: (c: Context, given: string) => Promise<Failure | null>;
  /** Whether the request shows anything that opens the door. */
  readonly isOpenTo: (c: Context) => Promise<boolean>;
}

export function makeDoor({ token, access }: AdminSettings): Door {
  const attempts = makeAttempts();
  const check: AccessCheck | null = access === null ? null : accessCheck(access);

  async function tryToken(c: Context, given: string): Promise<Failure | null> {
    const address = c.req.header("cf-connecting-ip") ?? "";
    return token === null ? { code: "not_found" } : judge(attempts, address, given, token);
  }

  async function proofOf(c: Context): Promise<Proof | Failure> {
    const authorization = c.req.header("authorization");
    if (authorization !== undefined) {
      const given = /^Bearer +(\S+)\s*$/i.exec(authorization)?.[1];
      if (given === undefined) return { code: "unauthorized" };
      return (await tryToken(c, given)) ?? "token";
    }
    if (token !== null && (await carriesLogin(c, token, Date.now()))) return "browser";
    if (check !== null && (await check(c))) return "browser";
    return { code: "unauthorized" };
  }

  return {
    tryToken,
    isOpenTo: async (c) => typeof (await proofOf(c)) === "string",
    guard: async (c, next) => {
      if (token === null) return fail(c, { code: "not_found" });
      const proof = await proofOf(c);
      if (typeof proof !== "string") return fail(c, proof);
      const isWrite = c.req.method !== "GET" && c.req.method !== "HEAD";
      if (isWrite && proof === "browser" && !isSameSite(c.req.raw)) {
        return fail(c, { code: "forbidden" });
      }
      return next();
    },
  };
}

async function judge(
  attempts: Attempts,
  address: string,
  given: string,
  token: string,
): Promise<Failure | null> {
  const waitSeconds = attempts.waitSeconds(address, Date.now());
  // Not even looked at: who guesses must not learn that one was right.
  if (waitSeconds > 0) return { code: "too_many_requests", retryAfterSeconds: waitSeconds };
  if (await isToken(given, token)) {
    attempts.forget(address);
    return null;
  }
  attempts.note(address, Date.now());
  return { code: "unauthorized" };
}

const utf8 = new TextEncoder();

/** Compares digests, in constant time. */
async function isToken(given: string, token: string): Promise<boolean> {
  const [left, right] = await Promise.all([digest(given), digest(token)]);
  return crypto.subtle.timingSafeEqual(left, right);
}

function digest(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", utf8.encode(text));
}

/** What every admin answer carries, unless its route says otherwise. */
export const guarded: MiddlewareHandler = async (c, next) => {
  await next();
  for (const [name, value] of Object.entries(SAFE)) {
    if (!c.res.headers.has(name)) c.res.headers.set(name, value);
  }
};

const SAFE = {
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Referrer-Policy": "no-referrer",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
};

export function fail(c: Context, failure: Failure): Response {
  const { headers } = c.req.raw;
  // A piece of the dashboard is asked for as HTML, but an error's page is none: its style would be refused.
  const accept = headers.has("hx-request") ? null : headers.get("accept");
  return failureResponse(failure, requestIdOf(headers), accept);
}
