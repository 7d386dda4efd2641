import { requestIdOf, type Arrival } from "../shared/arrival.ts";
import type { Background, Origin } from "../model.ts";
import { warn } from "../shared/warn.ts";
import type { Payload, Upload } from "./payload.ts";
import { SLOW_MS, type SlowWatch, type Wait } from "./slow-watch.ts";

/** What came of sending a request to an origin. */
export type Attempt =
  | { readonly kind: "answered"; readonly response: Response }
  | { readonly kind: "unreachable" }
  | { readonly kind: "timeout" }
  /** The client did not finish its request; that says nothing about the origin. */
  | { readonly kind: "client_gone" };

const UNREACHABLE = { kind: "unreachable" } as const;
const CLIENT_GONE = { kind: "client_gone" } as const;
/** A failed fetch and the broken upload behind it are told at about the same time. */
const UPLOAD_GRACE_MS = 50;

/**
 * Sends the request on, body and all, and waits up to `timeoutMs` for the response headers, from when
 * the client has sent its body; the bodies are not limited. Redirects are passed through.
 */
export function forward(
  arrival: Arrival,
  origin: Origin,
  headers: Headers,
  payload: Payload,
  timeoutMs: number,
  { slow, background }: { readonly slow: SlowWatch; readonly background: Background },
): Promise<Attempt> {
  const request = requestFor(arrival, origin, headers, payload);
  const { uploaded } = payload;
  // One promise: Promise.race, an AbortSignal or a second async function cost 5 to 10 % of the
  // throughput each. When time runs out, the runtime ends the fetch with the request.
  return new Promise((resolve) => {
    let timer: ReturnType<typeof setTimeout> | null = null;
    let wait: Wait | null = null;
    let isOver = false;
    const finish = (attempt: Attempt) => {
      isOver = true;
      if (wait !== null) slow.leave(wait);
      if (timer !== null) clearTimeout(timer);
      resolve(attempt);
    };
    const expire = () => finish({ kind: "timeout" });
    const startTimer = (leftMs: number) => {
      if (timer !== null) clearTimeout(timer);
      if (!isOver) timer = setTimeout(expire, leftMs);
    };
    // While the body is under way, only an origin that takes none of it runs out of time. The same stall
    // at the end of what was left of its time is too long, whatever a clock that was set back says.
    let watched: number | null = null;
    const watchUpload = () => {
      const since = payload.stalledSince();
      const leftMs = since === null ? timeoutMs : Math.min(since - Date.now(), 0) + timeoutMs;
      if (leftMs <= 0 || (since !== null && since === watched)) expire();
      else if (!isOver) timer = setTimeout(watchUpload, leftMs);
      watched = since;
    };
    if (uploaded !== null) {
      watchUpload();
      void uploaded.then((end) => (end === "broken" ? finish(CLIENT_GONE) : startTimer(timeoutMs)));
    } else if (timeoutMs < 3 * SLOW_MS) {
      startTimer(timeoutMs);
    } else {
      const begun = Date.now();
      // A clock that was set back must not make the limit longer.
      const onSlow = () => startTimer(Math.min(begun - Date.now(), 0) + timeoutMs);
      wait = slow.enter(onSlow, begun, background);
    }
    request.then(
      (response) => (isOver ? discard(response) : finish(attemptOf(response))),
      async (error: unknown) => {
        const isBroken = uploaded !== null && (await endOf(uploaded)) === "broken";
        if (!isBroken) {
          const about = { request_id: requestIdOf(arrival.headers), origin: origin.name };
          warn("origin did not answer", about, error);
        }
        finish(isBroken ? CLIENT_GONE : UNREACHABLE);
      },
    );
  });
}

/** A switch of protocols that nobody has asked for is no answer: the client would wait for another. */
function attemptOf(response: Response): Attempt {
  return response.status === 101 && response.webSocket === null
    ? UNREACHABLE
    : { kind: "answered", response };
}

/** Gives up an answer that nobody will read, and with it its connection. */
export function discard({ body }: Response): void {
  body?.cancel().catch(() => undefined);
}

function requestFor(
  arrival: Arrival,
  { url: base, fetcher }: Origin,
  headers: Headers,
  payload: Payload,
): Promise<Response> {
  const { method } = arrival;
  const url =
    (base === "" ? `${arrival.scheme}//${arrival.host}` : base) + arrival.path + arrival.query;
  const body = payload.next();
  if (body !== null && (method === "GET" || method === "HEAD")) {
    const odd = oddRequest(url, arrival, headers);
    return fetcher === null ? fetch(odd) : fetcher.fetch(odd);
  }
  const init: RequestInit = { method, headers, body, redirect: "manual" };
  return fetcher === null ? fetch(url, init) : fetcher.fetch(url, init);
}

/** A GET or HEAD with a body can't be made, only copied; its headers are then exchanged one by one. */
function oddRequest(url: string, { request }: Arrival, headers: Headers): Request {
  const odd = new Request(url, request);
  for (const name of Array.from(odd.headers.keys())) odd.headers.delete(name);
  for (const [name, value] of headers) odd.headers.append(name, value);
  return odd;
}

function endOf(uploaded: Promise<Upload>): Promise<Upload> {
  return Promise.race([uploaded, scheduler.wait(UPLOAD_GRACE_MS).then((): Upload => "closed")]);
}

/** Why a handshake can't be forwarded: without key or version an origin would accept a phantom. */
export function handshakeFlaw(arrival: Arrival): 400 | 426 | null {
  if (!arrival.isWebSocket) return null;
  const key = arrival.headers.get("sec-websocket-key");
  if (arrival.method !== "GET" || key === null || !/^[A-Za-z0-9+/]{22}==$/.test(key.trim())) {
    return 400;
  }
  return arrival.headers.get("sec-websocket-version")?.trim() === "13" ? null : 426;
}
