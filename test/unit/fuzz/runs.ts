import { env } from "cloudflare:workers";
import * as fc from "fast-check";

/** How many inputs a property is tried on: FUZZ_RUNS in the environment of the test run, else few. */
export function runs(usually: number): { numRuns: number } {
  const { FUZZ_RUNS } = env as { readonly FUZZ_RUNS?: string };
  return { numRuns: Number(FUZZ_RUNS) || usually };
}

/** Text made of these pieces: what a grammar turns on is hit far more often than by chance. */
export const textOf = (...pieces: readonly string[]) =>
  fc.string({ unit: fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 2 })) });

/** What a header may hold once the runtime has read it (RFC 9110 §5.5): no control characters. */
export const fieldText = (...pieces: readonly string[]) =>
  // oxlint-disable-next-line no-control-regex
  textOf(...pieces).map((text) => text.replaceAll(/[^\t -~\u0080-\u00ff]/g, "").trim());
