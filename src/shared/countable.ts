import type { SessionSettings } from "../model.ts";

/** Whether a pool's live sessions can be counted: they all have rows, and in Durable Objects. Pure. */
export function isCountable({ record, store }: SessionSettings): boolean {
  return record !== "never" && store === "durable";
}
