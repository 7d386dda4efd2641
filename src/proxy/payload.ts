import type { Arrival } from "../shared/arrival.ts";

/** The most that is kept of a body so that it can be sent again. */
const REPLAY_MOST = 1_048_576;

/** A request's body, for one attempt or for several. */
export interface Payload {
  readonly isReplayable: boolean;
  /** The body for the next attempt. */
  next(): BodyInit | null;
  /** How sending it ended; null when there is nothing to wait for. */
  readonly uploaded: Promise<Upload> | null;
  /** Since when the origin has taken nothing that was there for it; null while the client is slow. */
  stalledSince(): number | null;
  /** A failure may be the client's, and nobody can tell: it counts against no origin. */
  readonly isBlameless: boolean;
}

/** `broken`: the client went away, or sent what is no body; `closed`: the origin took no more. */
export type Upload = "sent" | "broken" | "closed";

const EMPTY: Payload = {
  isReplayable: true,
  next: () => null,
  uploaded: null,
  stalledSince: never,
  isBlameless: false,
};

function never(): null {
  return null;
}

/**
 * Streams the body, unless the request may be repeated and its body is small enough to keep. Null if
 * the client does not send what it has announced.
 */
export function payloadOf(arrival: Arrival, mayRepeat: boolean): Payload | Promise<Payload | null> {
  const { body } = arrival.request;
  if (body === null) return EMPTY;
  const announced = arrival.headers.get("content-length");
  const length = announced === null ? null : Number(announced);
  if (length === 0) return EMPTY;
  // Such a body can only travel with the request that it came in.
  if (arrival.method === "GET" || arrival.method === "HEAD") {
    return {
      isReplayable: false,
      next: () => body,
      uploaded: null,
      stalledSince: never,
      isBlameless: true,
    };
  }
  if (!mayRepeat || (length !== null && length > REPLAY_MOST)) return streamed(body, length);
  return kept(body, length);
}

const CHUNK_BYTES = 65_536;

/**
 * Passes the body through, with its length if it has one. A pump of our own, because a pipe can't tell
 * which end of it broke; `chunks` have been read already.
 */
function streamed(
  body: ReadableStream,
  length: number | null,
  chunks: readonly Uint8Array[] = [],
): Payload {
  const through = length === null ? new IdentityTransformStream() : new FixedLengthStream(length);
  const stall: Stall = { since: null };
  const uploaded = pump(body, through.writable, chunks, stall);
  const stalledSince = () => stall.since;
  return {
    isReplayable: false,
    next: () => through.readable,
    uploaded,
    stalledSince,
    isBlameless: false,
  };
}

/** When the write that is pending began. */
interface Stall {
  since: number | null;
}

async function pump(
  body: ReadableStream,
  writable: WritableStream,
  chunks: readonly Uint8Array[],
  stall: Stall,
): Promise<Upload> {
  const reader = body.getReader({ mode: "byob" });
  const writer = writable.getWriter();
  let isReading = false;
  const write = async (chunk: Uint8Array) => {
    stall.since = Date.now();
    await writer.write(chunk);
    stall.since = null;
  };
  try {
    for (const chunk of chunks) await write(chunk);
    // One buffer, to and fro: a new one for each read would pile up until the next collection.
    let buffer: ArrayBufferLike = new ArrayBuffer(CHUNK_BYTES);
    for (;;) {
      isReading = true;
      const { done, value }: ReadableStreamReadResult<Uint8Array> = await reader.read(
        new Uint8Array(buffer),
      );
      isReading = false;
      if (done) break;
      await write(value);
      ({ buffer } = value);
    }
    await writer.close();
    return "sent";
  } catch (error) {
    if (!isReading) return "closed";
    await writer.abort(error).catch(() => undefined);
    return "broken";
  }
}

/** Reads up to the limit; a longer body goes on as a stream, with what was read in front. */
async function kept(body: ReadableStream, length: number | null): Promise<Payload | null> {
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      size += value.byteLength;
      if (size <= REPLAY_MOST) continue;
      reader.releaseLock();
      return streamed(body, length, chunks);
    }
  } catch {
    return null;
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return {
    isReplayable: true,
    next: () => whole,
    uploaded: null,
    stalledSince: never,
    isBlameless: false,
  };
}
