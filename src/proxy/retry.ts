import type { Arrival } from "../arrival.ts";
import type { FailoverSettings } from "../model.ts";
import type { Attempt } from "./forward.ts";

/** When a request may be sent again, and with what body (DESIGN.md §7). */

/** The most that is kept of a body so that it can be sent again. */
const REPLAY_MOST = 1_048_576;
/** No further attempt begins this many timeouts after the first one. */
export const BUDGET_TIMEOUTS = 2;

/**
 * The platform reports "never connected" and "died after reading the POST" alike, so only what is safe
 * to repeat is repeated: safe methods, and requests that carry an Idempotency-Key.
 */
export function isRepeatable({ method, headers }: Arrival): boolean {
  if (method === "GET" || method === "HEAD" || method === "OPTIONS") return true;
  return headers.has("idempotency-key");
}

/** Whether the attempt got an answer that no other origin could better. */
export function isGood(
  attempt: Attempt,
  { retryStatus }: FailoverSettings,
): attempt is Extract<Attempt, { kind: "answered" }> {
  return attempt.kind === "answered" && !retryStatus.includes(attempt.response.status);
}

/** A request's body, for one attempt or for several. */
export interface Payload {
  readonly isReplayable: boolean;
  /** The body for the next attempt. */
  next(): BodyInit | null;
}

const EMPTY: Payload = { isReplayable: true, next: () => null };

/** Streams the body, unless the request may be repeated and its body is small enough to keep. */
export function payloadOf(arrival: Arrival, mayRepeat: boolean): Payload | Promise<Payload> {
  const { body } = arrival.request;
  if (body === null) return EMPTY;
  const length = arrival.headers.get("content-length");
  if (length === "0") return EMPTY;
  if (!mayRepeat || (length !== null && Number(length) > REPLAY_MOST)) return once(body);
  return keep(body);
}

function once(body: ReadableStream): Payload {
  return { isReplayable: false, next: () => body };
}

/** Reads up to the limit; a longer body goes on as a stream, with what was read in front. */
async function keep(body: ReadableStream): Promise<Payload> {
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    size += value.byteLength;
    if (size > REPLAY_MOST) return once(continued(chunks, reader));
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return { isReplayable: true, next: () => whole };
}

function continued(
  chunks: Uint8Array[],
  reader: ReadableStreamDefaultReader<Uint8Array>,
): ReadableStream {
  return new ReadableStream({
    async pull(controller) {
      const kept = chunks.shift();
      if (kept !== undefined) return controller.enqueue(kept);
      const { done, value } = await reader.read();
      return done ? controller.close() : controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
