/** What is read from every request before anything is decided. */
export interface Arrival {
  readonly request: Request;
  readonly method: string;
  readonly headers: Headers;
  readonly scheme: "http:" | "https:";
  /** Host and port, as the client sent them. */
  readonly host: string;
  /** What rules match and what the origin gets: byte for byte the same, without fragment. Of the form
   * the client sent, unless `fetch` can't send that (dot segments, backslashes). */
  readonly path: string;
  /** With its "?", or empty. */
  readonly query: string;
  readonly cookies: string | null;
  readonly isWebSocket: boolean;
  readonly now: number;
}

/**
 * What `fetch` would send in another form: dot segments, backslashes, what is not printable ASCII, and
 * the characters that the URL standard encodes in a path or a query.
 */
const NOT_SENT_AS_IS = /\/(?:\.|%2e){1,2}(?:[/?#]|$)|["'<>\\^`{}]|[^!-~]/i;

export function arrive(request: Request, now: number): Arrival {
  const { method, headers, url: given } = request;
  const url = NOT_SENT_AS_IS.test(given) ? normalized(given) : given;
  const hostAt = url.indexOf("//") + 2;
  const fragmentAt = url.indexOf("#", hostAt);
  const end = fragmentAt === -1 ? url.length : fragmentAt;
  const pathAt = firstOf(url, hostAt, end);
  const queryAt = url.indexOf("?", pathAt);
  const pathEnd = queryAt === -1 || queryAt > end ? end : queryAt;
  return {
    request,
    method,
    headers,
    scheme: url.startsWith("https:") ? "https:" : "http:",
    host: url.slice(hostAt, pathAt),
    path: pathAt === pathEnd ? "/" : url.slice(pathAt, pathEnd),
    query: url.slice(pathEnd, end),
    cookies: headers.get("cookie"),
    isWebSocket: headers.get("upgrade")?.toLowerCase() === "websocket",
    now,
  };
}

/**
 * Rules must match the path that the origin will get, so what `fetch` would change is changed first. With
 * a host that no URL can have (port 99999), the path is never read: `fetch` would read it below another
 * host, and "/x/../.." would leave the origin's base path.
 */
function normalized(url: string): string {
  return URL.canParse(url) ? new URL(url).href : NOBODY;
}

/** Its host is empty, for which it is refused. */
const NOBODY = "https:///";

/** Where the authority ends: at the first "/" or "?", or at the end. */
function firstOf(url: string, from: number, end: number): number {
  const slash = url.indexOf("/", from);
  const query = url.indexOf("?", from);
  const first = Math.min(slash === -1 ? end : slash, query === -1 ? end : query);
  return Math.min(first, end);
}

const requestIds = new WeakMap<Headers, string>();

/** Named in the answers to failures and in the log, so that one finds the other. */
export function requestIdOf(headers: Headers): string {
  const ray = headers.get("cf-ray");
  if (ray !== null && /^[\w-]{1,64}$/.test(ray)) return ray;
  const made = requestIds.get(headers) ?? crypto.randomUUID();
  requestIds.set(headers, made);
  return made;
}
