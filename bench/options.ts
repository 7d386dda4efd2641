import { parseArgs } from "node:util";
import { findGenerator, type Generator } from "./load.ts";
import { variants, type Variant } from "./variants.ts";

export interface Options {
  readonly quick: boolean;
  /** Exit 1 when a budget is missed. */
  readonly check: boolean;
  readonly generator: Generator;
  readonly variants: readonly Variant[];
}

export const usage = `npm run bench -- [options]
  --quick             less than a minute; the ratios are rougher
  --check             exit 1 when a budget is missed
  --only <variant>    one of: ${variants.map(({ name }) => name).join(", ")}; may be repeated
  --generator <name>  wrk | autocannon (default: wrk when it is installed)`;

/** Throws with a sentence when an argument is wrong. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      check: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: [] },
      generator: { type: "string", default: findGenerator() },
    },
  });
  const { quick, check, only, generator } = values;
  if (generator !== "wrk" && generator !== "autocannon") {
    throw new Error(`--generator ${generator}: wrk or autocannon`);
  }
  const unknown = only.find((name) => !variants.some((variant) => variant.name === name));
  if (unknown) throw new Error(`--only ${unknown}: no such variant`);
  const chosen = variants.filter((variant) =>
    only.length > 0 ? only.includes(variant.name) : variant.quick || !quick,
  );
  return { quick, check, generator, variants: chosen };
}
