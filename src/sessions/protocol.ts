import type { By, Session } from "../model.ts";
import type { Answer, Change, Filter, Place, Proposal } from "../shared/session-store.ts";

/** What travels between a Worker and a shard of the session map. Plain values only. */

/** What a shard needs to know of its pool's settings; sent along, so that the object needs no config. */
export interface Limits {
  readonly idleMs: number;
  readonly ttlMs: number;
  /** Rows this shard may hold. */
  readonly cap: number;
}

/**
 * "Where does this session live? If nowhere, I propose this." The map decides: an existing row
 * wins over the proposal, so parallel first requests all get one answer.
 */
export interface Ask {
  readonly id: string;
  readonly by: By;
  readonly proposal: Proposal | null;
}

/** A session that has just been made: id, rule, origin, generation, when it was created. */
export type Fresh = readonly [string, By, string, number, number];

export interface Page {
  readonly after: string;
  readonly filter: Filter;
  readonly most: number;
}

/** The RPC surface of a shard. Every method may throw; callers go on without the map then. */
export interface Shard {
  assign(asks: readonly Ask[], limits: Limits): Promise<Answer[]>;
  /** What it would answer to somebody without a proposal. Changes nothing. */
  look(id: string): Promise<Answer>;
  /**
   * Stores sessions that have just been made, a JSON list of `Fresh`: text, because it is cheaper to
   * send than values. One that has a row already keeps it.
   */
  record(fresh: string, limits: Limits): Promise<void>;
  move(id: string, change: Change, limits: Limits): Promise<Answer>;
  release(id: string): Promise<Session | null>;
  find(id: string): Promise<Session | null>;
  /** Removes without trace, once the row lives elsewhere. */
  forget(id: string): Promise<void>;
  list(page: Page): Promise<Session[]>;
  /** Moves up to `most` sessions of one origin, unused since `seenBefore`; how many it were. */
  moveIdle(from: string, to: Place, seenBefore: number, most: number): Promise<number>;
  /** Drops up to `most` sessions of an origin of earlier generations; how many it were. */
  releaseOlder(place: Place, most: number): Promise<number>;
  counts(): Promise<Map<string, number>>;
}
