import { inJurisdiction } from "../shared/jurisdiction.ts";
import type { Jurisdiction, Pool, Problem } from "../model.ts";
import { show } from "./problem.ts";

const KNOWN: readonly Jurisdiction[] = ["eu", "us", "fedramp", "fedramp-high"];

/** Where sessions are kept; absent or empty: wherever the platform puts them. */
export function readJurisdiction(given: unknown, problems: Problem[]): Jurisdiction | null {
  if (given === undefined || given === "") return null;
  const known = KNOWN.find((one) => one === given);
  if (known !== undefined) return known;
  const expected = `one of ${KNOWN.map((one) => JSON.stringify(one)).join(", ")}, or absent`;
  problems.push({ path: "JURISDICTION", value: show(given), expected });
  return null;
}

/** KV copies its values to wherever they are read. */
export function outOfJurisdiction(
  jurisdiction: Jurisdiction | null,
  pools: readonly Pool[],
): Problem[] {
  if (jurisdiction === null) return [];
  return pools
    .filter(({ sessions }) => sessions.store === "kv")
    .map(({ name }) => ({
      path: "JURISDICTION",
      value: show(jurisdiction),
      expected: `to be absent, or store = "durable" in pool "${name}": KV has no jurisdictions`,
    }));
}

/** A runtime without jurisdictions must not keep sessions just anywhere instead. */
export function unavailable(
  jurisdiction: Jurisdiction | null,
  namespaces: readonly DurableObjectNamespace[],
): Problem[] {
  try {
    for (const namespace of namespaces) inJurisdiction(namespace, jurisdiction);
    return [];
  } catch (error) {
    const expected =
      "a jurisdiction of this runtime. The local one has none: JURISDICTION= in .dev.vars. " +
      `It says: ${error instanceof Error ? error.message : String(error)}`;
    return [{ path: "JURISDICTION", value: show(jurisdiction), expected }];
  }
}
