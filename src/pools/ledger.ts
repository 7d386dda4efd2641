import { addSums, entriesOf, type Counts, type Sums } from "../shared/counts.ts";
import type { Chronicle } from "./chronicle.ts";
import type { Minute } from "./control.ts";
import type { LedgerStatements } from "./ledger-statements.ts";
import { addToMinute, beginMinute, minuteOf, MINUTE_MS, withSessions } from "./minute.ts";

/** Minutes that are kept; one more is under way. */
const MINUTES = 60;
/** The map works again when no request was served without it for this long. */
const DEGRADED_GAP_MS = 60_000;
/** Isolates that reported within this time are there. */
const ISOLATE_MS = 60_000;
const ISOLATES_MOST = 10_000;

/** A pool's counters since its control object began, and its last hour. Survives eviction and restart. */
export class Ledger {
  readonly #sql: LedgerStatements;
  readonly #chronicle: Chronicle;
  readonly #since: number;
  readonly #totals: Map<string, Sums>;
  readonly #isolates = new Map<string, number>();
  #minute: Minute;

  constructor(sql: LedgerStatements, chronicle: Chronicle, now: number) {
    this.#sql = sql;
    this.#chronicle = chronicle;
    this.#since = this.#sql.ledger().since;
    this.#totals = new Map(
      this.#sql.totals().map(({ origin, sums }) => [origin, JSON.parse(sums) as Sums]),
    );
    this.#minute = this.minutes(now).at(-1) ?? beginMinute(minuteOf(now), null);
  }

  get since(): number {
    return this.#since;
  }

  /** By origin; under "" what is no origin's. */
  get totals(): ReadonlyMap<string, Readonly<Sums>> {
    return this.#totals;
  }

  /** Takes an isolate's report. */
  add({ isolate, sums }: Counts, now: number): void {
    this.#isolates.delete(isolate);
    this.#isolates.set(isolate, now);
    this.#dropSilent(now);
    for (const [origin, more] of sums) {
      const total = this.#totals.get(origin) ?? {};
      addSums(total, more);
      this.#totals.set(origin, total);
      this.#sql.setTotals(origin, JSON.stringify(total));
    }
    this.#putMinute(addToMinute(this.#current(now), sums));
    this.#tell(sums, now);
  }

  /** Takes a count of the live sessions. */
  sampled(sessions: ReadonlyMap<string, number>, now: number): void {
    this.#putMinute(withSessions(this.#current(now), sessions));
  }

  /** The last hour, oldest first; minutes without any traffic are missing. */
  minutes(now: number): Minute[] {
    const oldest = minuteOf(now) - MINUTES * MINUTE_MS;
    return this.#sql.minutesSince(oldest).map(({ data }) => JSON.parse(data) as Minute);
  }

  /** Isolates that have reported lately, as far as this object remembers. */
  isolates(now: number): number {
    this.#dropSilent(now);
    return this.#isolates.size;
  }

  /** Since when requests are served without the map; null if they are not. */
  degradedSince(now: number): number | null {
    this.#endDegraded(now);
    return this.#sql.ledger().degraded_since;
  }

  /** With every report, for the memory that isolates take up that come and go unasked for. */
  #dropSilent(now: number): void {
    for (const [isolate, at] of this.#isolates) {
      if (now - at < ISOLATE_MS && this.#isolates.size <= ISOLATES_MOST) break;
      this.#isolates.delete(isolate);
    }
  }

  #current(now: number): Minute {
    const at = minuteOf(now);
    if (this.#minute.at === at) return this.#minute;
    this.#sql.dropMinutesBefore(at - MINUTES * MINUTE_MS);
    return beginMinute(at, this.#minute);
  }

  #putMinute(minute: Minute): void {
    this.#minute = minute;
    this.#sql.setMinute(minute.at, JSON.stringify(minute));
  }

  /** What of the report is an event. */
  #tell(sums: Counts["sums"], now: number): void {
    let degraded = 0;
    for (const [origin, more] of sums) {
      degraded += more["outcome degraded"] ?? 0;
      for (const [counter, n] of entriesOf(more)) {
        if (!counter.startsWith("move ")) continue;
        this.#chronicle.sum(now, "sessions moved", origin, counter.slice("move ".length), n);
      }
    }
    this.#endDegraded(now);
    if (degraded === 0) return;
    const { degraded_since: since, degraded_requests: before } = this.#sql.ledger();
    if (since === null) {
      this.#chronicle.note(now, "degraded begun", null, "the session map does not answer");
    }
    this.#sql.setDegraded(since ?? now, now, degraded + (since === null ? 0 : before));
  }

  #endDegraded(now: number): void {
    const {
      degraded_since: since,
      degraded_last: last,
      degraded_requests: requests,
    } = this.#sql.ledger();
    if (since === null || now - last < DEGRADED_GAP_MS) return;
    this.#sql.setDegraded(null, last, 0);
    const seconds = Math.max(1, Math.round((last - since) / 1_000));
    const cause = `${requests} requests without the session map in ${seconds} s`;
    this.#chronicle.note(now, "degraded ended", null, cause);
  }
}
