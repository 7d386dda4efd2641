import type { Background, Choose, Pin, Pool, Rule, Snapshot, Standing } from "../model.ts";
import type { MoveReason, Outcome } from "../outcome.ts";
import type { Ids, Place, SessionStore } from "../shared/session-store.ts";
import type { Keyring } from "./keyring.ts";
import type { Leases } from "./leases.ts";
import type { Sighting } from "./sighting.ts";

/** How long the row of a new session may wait for others that go to the same shard. */
export const RECORD_WINDOW_MS = 500;

/** Where a pool's pins are looked up and kept. */
export interface Desk {
  readonly pool: Pool;
  readonly keyring: Keyring;
  readonly store: SessionStore;
  readonly leases: Leases;
}

/** One request, as far as its pin is concerned. */
export interface Visit {
  readonly sightings: readonly Sighting[];
  readonly snapshot: Snapshot;
  readonly now: number;
  /** False for preflights, prefetches and skipped paths: they follow a pin but make none. */
  mayMake(): boolean;
  readonly background: Background;
  readonly choose: Choose;
}

/** One place where this session's pin is, or shall be, kept. */
export interface Held {
  readonly rule: Rule;
  /** Set when the client carries the pin. */
  readonly sessionId: string | null;
  /** Set when the map alone keeps the pin. */
  readonly key: string | null;
  /** Where the map has it now; null if it has no row that must be moved. */
  readonly at: Place | null;
  readonly created: number;
  /** When the map last vouched for it: a token may not be younger. ms since the epoch. */
  readonly renewed: number;
  readonly isNew: boolean;
  /** The client gets the pin anew, if an origin answers. */
  readonly reissue: boolean;
  ids(): Promise<Ids>;
}

export interface Moved {
  readonly from: string;
  readonly reason: MoveReason;
}

export type Placement =
  | {
      readonly kind: "placed";
      readonly standing: Standing;
      readonly outcome: Outcome;
      /** The rule that decided; null when none had a say. */
      readonly rule: Rule | null;
      readonly moved: Moved | null;
      readonly held: readonly Held[];
    }
  | { readonly kind: "refused"; readonly rule: Rule }
  | { readonly kind: "nobody" };

export type Placed = Extract<Placement, { kind: "placed" }>;

/** What is known of one rule's pin. */
export interface Located {
  readonly rule: Rule;
  readonly sighting: Sighting;
  /** Tells this session from others in a deterministic choice; null if the request showed none. */
  readonly key: string | null;
  readonly pin: Pin | null;
  /** Why the pin can't be used; null if it can, or if there is none. */
  readonly lost: MoveReason | null;
  /** Where the client's pin, or this isolate's last knowledge, says the session was before. */
  readonly movedFrom: string | null;
  /** Why there is no pin although the request showed one. */
  readonly flaw: "invalid" | "expired" | null;
  /** Where the pin is kept, if something has to be done about it. */
  readonly held: Held | null;
  /** The map was needed and did not answer. */
  readonly degraded: boolean;
}
