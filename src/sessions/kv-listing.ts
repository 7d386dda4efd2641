import type { Session, SessionSettings } from "../model.ts";
import { BASE64URL } from "../shared/base64url.ts";
import type { Filter, SessionPage } from "../shared/session-store.ts";
import { capped } from "./deadline.ts";
import { endOf, sessionOf, type Row } from "./session-row.ts";

/** KV lists 1,000 keys per call. A page of sessions looks through this many calls at most. */
const LIST_CALLS = 10;
const COUNT_CALLS = 100;
const FIRST_PAGE = "0";

/**
 * Listing and counting what a pool keeps in KV: rows are the metadata of keys without values, so that a
 * list needs no reads.
 */
export function kvListing(kv: KVNamespace, prefix: string, settings: SessionSettings) {
  /** The live sessions of one call after another, in the order of their ids. */
  async function* pages(from = FIRST_PAGE, calls = COUNT_CALLS) {
    let start = from;
    for (let call = 0; call < calls; call += 1) {
      const page = await capped(kv.list<Row>({ prefix, cursor: decode(start) }));
      const now = Date.now();
      const sessions = page.keys.flatMap(({ name, metadata: row }) =>
        row && row.origin !== null && endOf(row, settings) > now
          ? [sessionOf(name.slice(prefix.length), row, settings)]
          : [],
      );
      const next = page.list_complete ? null : encode(page.cursor);
      yield { start, sessions, next };
      if (next === null) return;
      start = next;
    }
  }

  /**
   * The cursor is `<KV's own, encoded>.<last id>`: a page may end anywhere in what one call lists.
   * When few sessions pass the filter, a page may be short, even empty, and not be the last.
   */
  async function list(cursor: string, filter: Filter, most: number): Promise<SessionPage> {
    const [start = "", last = ""] = cursor.split(".");
    const sessions: Session[] = [];
    let next: string | null = null;
    if (!isCursor(start)) return { sessions, next };
    for await (const page of pages(start || FIRST_PAGE, LIST_CALLS)) {
      const wanted = page.sessions.filter((one) => one.id > last && fits(one, filter));
      sessions.push(...wanted.slice(0, most - sessions.length));
      const end = sessions.at(-1);
      if (sessions.length >= most && end) return { sessions, next: `${page.start}.${end.id}` };
      next = page.next === null ? null : `${page.next}.`;
    }
    return { sessions, next };
  }

  /** Of the first 100,000 keys; a larger pool has more sessions than this says. */
  async function counts(): Promise<Map<string, number>> {
    const total = new Map<string, number>();
    for await (const { sessions } of pages()) {
      for (const { origin } of sessions) total.set(origin, (total.get(origin) ?? 0) + 1);
    }
    return total;
  }

  return { pages, list, counts };
}

function fits(session: Session, { origin, by }: Filter): boolean {
  return (origin === null || session.origin === origin) && (by === null || session.by === by);
}

/** KV's cursors are opaque; ours travel in URLs. */
function encode(cursor: string): string {
  return new TextEncoder().encode(cursor).toBase64(BASE64URL);
}

/** Nothing follows what is none. */
function isCursor(start: string): boolean {
  try {
    decode(start);
    return true;
  } catch {
    return false;
  }
}

function decode(start: string): string | null {
  if (start === FIRST_PAGE) return null;
  return new TextDecoder().decode(Uint8Array.fromBase64(start, BASE64URL));
}
