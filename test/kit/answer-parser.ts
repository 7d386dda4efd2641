/** One HTTP answer as its bytes said it. */
export interface RawAnswer {
  readonly status: number;
  readonly reason: string;
  /** Name and value of every header line: order, case and duplicates kept. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
  /** False when the connection ended before the body did. */
  readonly complete: boolean;
}

export interface Parsed {
  readonly answer: RawAnswer;
  /** The bytes after this answer. */
  readonly rest: Buffer;
}

interface Body {
  readonly body: Buffer;
  readonly used: number;
  readonly complete: boolean;
}

/**
 * The first answer in `bytes`, or null while there is no whole one. With `ended` an answer whose
 * body is cut short is returned as incomplete. Pure.
 */
export function parseAnswer(bytes: Buffer, method: string, ended: boolean): Parsed | null {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return null;
  const lines = bytes.subarray(0, headEnd).toString("latin1").split("\r\n");
  const [, code = "0", reason = ""] = /^HTTP\/1\.[01] (\d{3}) ?(.*)$/.exec(lines[0] ?? "") ?? [];
  const status = Number(code);
  const headers = lines.slice(1).map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
  });
  const payload = bytes.subarray(headEnd + 4);
  const parsed = readBody(payload, { status, headers }, method, ended);
  if (!parsed.complete && !ended) return null;
  return {
    answer: { status, reason, headers, body: parsed.body, complete: parsed.complete },
    rest: payload.subarray(parsed.used),
  };
}

function readBody(
  payload: Buffer,
  head: Pick<RawAnswer, "status" | "headers">,
  method: string,
  ended: boolean,
): Body {
  const nothing = { body: Buffer.alloc(0), used: 0, complete: true };
  if (method === "HEAD" || head.status < 200 || head.status === 204 || head.status === 304) {
    return nothing;
  }
  if (/\bchunked\b/i.test(headerOf(head, "transfer-encoding") ?? "")) return readChunks(payload);
  const length = headerOf(head, "content-length");
  if (length === undefined) return { body: payload, used: payload.length, complete: ended };
  const body = payload.subarray(0, Number(length));
  return { body, used: body.length, complete: body.length === Number(length) };
}

function readChunks(payload: Buffer): Body {
  const chunks: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = payload.indexOf("\r\n", at);
    if (lineEnd < 0) break;
    const size = Number.parseInt(payload.subarray(at, lineEnd).toString("latin1"), 16);
    if (Number.isNaN(size)) break;
    if (size === 0) {
      const end = payload.indexOf("\r\n", lineEnd + 2);
      // Trailer lines, if any, end with an empty one.
      const last = end === lineEnd + 2 ? end : payload.indexOf("\r\n\r\n", lineEnd + 2) + 2;
      if (end < 0 || last < 2) break;
      return { body: Buffer.concat(chunks), used: last + 2, complete: true };
    }
    const from = lineEnd + 2;
    chunks.push(payload.subarray(from, from + size));
    if (payload.length < from + size + 2) break;
    at = from + size + 2;
  }
  return { body: Buffer.concat(chunks), used: payload.length, complete: false };
}

/** The first value of a header, whatever the case of its name. */
export function headerOf(from: Pick<RawAnswer, "headers">, name: string): string | undefined {
  return headersOf(from, name)[0];
}

/** Every value of a header, in order. */
export function headersOf(from: Pick<RawAnswer, "headers">, name: string): string[] {
  const wanted = name.toLowerCase();
  return from.headers.filter(([key]) => key.toLowerCase() === wanted).map(([, value]) => value);
}
