import type { Background, By, Pin, Session } from "../model.ts";

/** A session key's names in the map: under the current secret first, then under older ones. */
export type Ids = readonly string[];

export interface Place {
  readonly origin: string;
  readonly generation: number;
}

/** What to store when a session lives nowhere yet. */
export interface Proposal extends Place {
  /** ms since the epoch; null: now. */
  readonly created: number | null;
  /** The client carries this pin itself: a release must void it even when no other row is left. */
  readonly carried: boolean;
}

export type Answer =
  | ({ readonly kind: "pinned"; readonly fresh: boolean } & Pin)
  | { readonly kind: "released" }
  | { readonly kind: "unknown" };

export interface Change {
  readonly by: By;
  /** Moves only if the row still says this (or is gone); null moves whatever it says. */
  readonly from: Place | null;
  readonly to: Place;
  /** For a row that is gone; ms since the epoch. */
  readonly created: number;
}

export interface Filter {
  readonly origin: string | null;
  readonly by: string | null;
}

export interface SessionPage {
  readonly sessions: readonly Session[];
  /** Where the next page starts; null after the last one. */
  readonly next: string | null;
}

export interface Pace {
  /** How long the question may wait for company. */
  readonly windowMs: number;
  /** The session has just been made: it can have no row elsewhere, and gets no answer. */
  readonly isFresh: boolean;
  readonly background: Background;
}

/**
 * The Worker's view of a pool's session map, whatever keeps it. Every method throws when the map
 * fails or takes longer than a second; the caller then serves the request without it.
 */
export interface SessionStore {
  /** Where the session lives; stores the proposal, if any, when it lives nowhere. */
  assign(ids: Ids, by: By, proposal: Proposal | null, background: Background): Promise<Answer>;
  /**
   * The same within a window, in one call with others, for what no request waits for. `then` gets the
   * answer, if there is one. Does nothing while the session may still have a row under an older name.
   */
  later(
    ids: Ids,
    by: By,
    proposal: Proposal | null,
    pace: Pace,
    then: (answer: Answer) => void,
  ): void;
  /** What `assign` would answer. Changes nothing. */
  look(ids: Ids, proposal: Proposal | null): Promise<Answer>;
  /** Moves the session unless somebody else has moved it meanwhile; then answers where to. */
  move(ids: Ids, change: Change): Promise<Answer>;
  /** Ends a session; pins that clients carry become void. Null if there is none. */
  release(id: string): Promise<Session | null>;
  /** Drops an origin's sessions of earlier generations, whose pins are void; how many it were. */
  releaseOlder(place: Place): Promise<number>;
  /** Drops a session that the application itself has ended or replaced. */
  forget(ids: Ids): Promise<void>;
  find(id: string): Promise<Session | null>;
  list(cursor: string, filter: Filter, most: number): Promise<SessionPage>;
  /** Live sessions by origin. */
  counts(): Promise<ReadonlyMap<string, number>>;
  /** Sends batched renewals now, so that a listing shows them. */
  flush(): Promise<void>;
}
