/** What `faulty.ts` is told to do. */

/** `lost`: the work is done, and its answer is not heard. `aborts`: the object is evicted in the call. */
export type Fault = "none" | "throws" | "retryable" | "overloaded" | "hangs" | "lost" | "aborts";

export interface Orders {
  readonly map?: Fault;
  readonly pool?: Fault;
  readonly kv?: Fault;
  /** What the clock shows beside the truth. */
  readonly clockMs?: number;
  /** Whoever asks next finds a new isolate: nothing remembered, no view. */
  readonly newIsolate?: boolean;
}
