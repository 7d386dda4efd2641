import type { KeySource } from "../sighting.ts";

/** A request header, byte for byte. */
export function headerKey(name: string): KeySource {
  return ({ headers }) => headers.get(name);
}
