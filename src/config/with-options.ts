import type { Problem } from "../model.ts";
import type { LimpetOptions } from "./options.ts";

/** How the options of `limpet()` stand in for bindings. */

type Bindings = Readonly<Record<string, unknown>>;

/** The variable that an option stands in for. */
const VARIABLES: Readonly<Record<string, string>> = {
  pools: "POOLS",
  origins: "ORIGINS",
  affinity: "AFFINITY",
  adminPath: "ADMIN_PATH",
  expose: "EXPOSE",
  log: "LOG",
  jurisdiction: "JURISDICTION",
};

/**
 * The environment as the options want it seen. Once they name origins, none of these variables is
 * read from the environment: it is another application's, which may use the same names.
 */
export function withOptions(options: LimpetOptions, env: Bindings): Bindings {
  const seen: Record<string, unknown> = { ...env };
  const isWhole = options.pools !== undefined || options.origins !== undefined;
  for (const [option, variable] of Object.entries(VARIABLES)) {
    const given = (options as Bindings)[option];
    if (isWhole || given !== undefined) seen[variable] = given;
  }
  if (isWhole || options.access !== undefined) {
    seen["ACCESS_TEAM"] = options.access?.team;
    seen["ACCESS_AUD"] = options.access?.audience;
  }
  for (const [name, actual] of Object.entries(options.bindings ?? {})) seen[name] = env[actual];
  return seen;
}

/** Options that there are not; the types can't stop everybody. */
export function unknownOptions(options: object): Problem[] {
  const known = [...Object.keys(VARIABLES), "access", "bindings"];
  return Object.keys(options)
    .filter((option) => !known.includes(option))
    .map((option) => ({
      path: `limpet({ ${option} })`,
      value: "an option",
      expected: `no such option here; known are: ${known.join(", ")}`,
    }));
}
