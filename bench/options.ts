import { parseArgs } from "node:util";
import { findGenerator, type Generator } from "./load.ts";
import { variants, type Variant } from "./variants.ts";

export interface Options {
  readonly quick: boolean;
  /** Exit 1 when a budget is missed. */
  readonly check: boolean;
  /** Write the results into docs/performance.md. */
  readonly write: boolean;
  /** Profile the first variant's Worker instead of measuring it. */
  readonly profile: boolean;
  readonly generator: Generator;
  /** How many rounds, and how long a shot is; null: as long as the time for the whole run allows. */
  readonly rounds: number | null;
  readonly seconds: number | null;
  readonly variants: readonly Variant[];
}

export const usage = `npm run bench -- [options]
  --quick             less than a minute; the ratios are rougher
  --check             exit 1 when a budget is missed
  --write             write tables and figures into docs/performance.md
  --profile           write a .cpuprofile of the first variant's Worker under load
  --only <variant>    one of: ${variants.map(({ name }) => name).join(", ")}; may be repeated
  --rounds <number>, --seconds <number>  how many rounds, and how long a shot of each is
  --generator <name>  wrk | autocannon (default: wrk when it is installed)`;

/** Throws with a sentence when an argument is wrong. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      check: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
      profile: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: [] },
      rounds: { type: "string" },
      seconds: { type: "string" },
      generator: { type: "string", default: findGenerator() },
    },
  });
  const { quick, check, write, profile, only, generator } = values;
  if (generator !== "wrk" && generator !== "autocannon") {
    throw new Error(`--generator ${generator}: wrk or autocannon`);
  }
  const unknown = only.find((name) => !variants.some((variant) => variant.name === name));
  if (unknown) throw new Error(`--only ${unknown}: no such variant`);
  const chosen = variants.filter((variant) =>
    only.length > 0 ? only.includes(variant.name) : variant.quick || !quick,
  );
  const rounds = readWhole("--rounds", values.rounds);
  const seconds = readWhole("--seconds", values.seconds);
  return { quick, check, write, profile, generator, rounds, seconds, variants: chosen };
}

function readWhole(name: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`${name} ${text}: a whole number from 1`);
  return Number(text);
}
