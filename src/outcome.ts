/** How a request ended, in closed unions: what stickiness did, and what went wrong. */

/** One word per request, the same in `Affinity-Status`, the log line and the metrics. */
export const OUTCOMES = [
  "new",
  "hit",
  "moved",
  "detour",
  "refused",
  "expired",
  "invalid",
  "skip",
  "none",
  "degraded",
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Why a session's origin is not the one it had. */
export type MoveReason = "down" | "drained" | "disabled" | "released" | "admin";

/** Everything that makes the router answer by itself instead of an origin. */
export type Failure =
  | { readonly code: "no_pool" }
  | { readonly code: "misconfigured" }
  | { readonly code: "loop" }
  | { readonly code: "origin_unreachable" }
  | { readonly code: "origin_timeout" }
  | { readonly code: "no_origin"; readonly retryAfterSeconds: number }
  | { readonly code: "session_lost"; readonly status: number }
  | { readonly code: "bad_request"; readonly status: 400 | 426 }
  | { readonly code: "method_not_allowed"; readonly allow: string }
  | { readonly code: "unauthorized" }
  | { readonly code: "forbidden" }
  | { readonly code: "not_found" }
  | { readonly code: "invalid_input"; readonly detail: string }
  | { readonly code: "conflict"; readonly detail: string }
  | { readonly code: "precondition_failed" }
  | { readonly code: "too_many_requests"; readonly retryAfterSeconds: number }
  | { readonly code: "storage_unavailable" }
  | { readonly code: "internal_error" };

interface Wire {
  readonly status: number;
  readonly title: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function toWire(failure: Failure): Wire {
  switch (failure.code) {
    case "no_pool":
      return { status: 404, title: "Nothing is served at this address" };
    case "misconfigured":
      return { status: 500, title: "The router is not configured correctly" };
    case "loop":
      return { status: 508, title: "The request came back to the router" };
    case "origin_unreachable":
      return { status: 502, title: "The origin could not be reached" };
    case "origin_timeout":
      return { status: 504, title: "The origin did not answer in time" };
    case "no_origin":
      return {
        status: 503,
        title: "No origin can serve this request now",
        headers: { "Retry-After": String(failure.retryAfterSeconds) },
      };
    case "session_lost":
      return {
        status: failure.status,
        title: "The origin that holds this session is not available",
        ...(failure.status === 503 ? { headers: { "Retry-After": "5" } } : {}),
      };
    case "bad_request":
      return failure.status === 426
        ? {
            status: 426,
            title: "This WebSocket version is not supported",
            headers: { "Sec-WebSocket-Version": "13", Upgrade: "websocket" },
          }
        : { status: 400, title: "The request is malformed" };
    case "method_not_allowed":
      return {
        status: 405,
        title: "This method is not allowed here",
        headers: { Allow: failure.allow },
      };
    case "unauthorized":
      return {
        status: 401,
        title: "A valid admin token is required",
        headers: { "WWW-Authenticate": 'Bearer realm="limpet"' },
      };
    case "forbidden":
      return { status: 403, title: "This request is refused" };
    case "not_found":
      return { status: 404, title: "No such resource" };
    case "invalid_input":
      return { status: 400, title: "The input is not valid" };
    case "conflict":
      return { status: 409, title: "The resource has changed meanwhile" };
    case "precondition_failed":
      return { status: 412, title: "The resource is not as it was when it was read" };
    case "too_many_requests":
      return {
        status: 429,
        title: "Too many attempts",
        headers: { "Retry-After": String(failure.retryAfterSeconds) },
      };
    case "internal_error":
      return { status: 500, title: "The router failed to handle the request" };
    case "storage_unavailable":
      return {
        status: 503,
        title: "The session map does not answer",
        headers: { "Retry-After": "1" },
      };
  }
}

/** The status and title of failures that say nothing more. */
export function titleOf(code: Failure["code"]): {
  readonly status: number;
  readonly title: string;
} {
  return toWire({ code, allow: "", status: 400, detail: "", retryAfterSeconds: 0 } as Failure);
}

/**
 * The answer to a failure: problem details (RFC 9457), or a small page for a browser. Holds nothing
 * about origins, addresses or versions; whoever asks for help quotes the request id.
 */
export function failureResponse(
  failure: Failure,
  requestId: string,
  accept: string | null,
): Response {
  const { status, title, headers: extra } = toWire(failure);
  const headers = new Headers({
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    ...extra,
  });
  if (prefersHtml(accept)) {
    headers.set("Content-Type", "text/html; charset=utf-8");
    headers.set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
    return new Response(page(status, title, failure.code, requestId), { status, headers });
  }
  headers.set("Content-Type", "application/problem+json");
  const detail = "detail" in failure ? { detail: failure.detail } : {};
  const body = {
    type: "about:blank",
    title,
    status,
    code: failure.code,
    ...detail,
    request_id: requestId,
  };
  return new Response(JSON.stringify(body), { status, headers });
}

/** Browsers put text/html first; API clients that list it at all put JSON before it. */
export function prefersHtml(accept: string | null): boolean {
  if (accept === null) return false;
  const html = accept.indexOf("text/html");
  if (html === -1) return false;
  const json = accept.search(/application\/(problem\+)?json/);
  return json === -1 || html < json;
}

function page(status: number, title: string, code: string, requestId: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${status} ${title}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;margin:15vh auto;max-width:32rem;padding:0 1rem;color-scheme:light dark}
h1{font-size:1.4rem}code{font-size:.9em;opacity:.7}</style></head>
<body><h1>${title}</h1><p>Please try again in a moment.</p>
<p><code>${status} ${code} &middot; ${escaped(requestId)}</code></p></body></html>
`;
}

function escaped(text: string): string {
  return text.replace(/[<>&"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
