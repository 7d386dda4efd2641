import { parseArgs } from "node:util";

export type Options = {
  readonly port: number;
  readonly origins: number;
  readonly verbose: boolean;
};

const HELP = `Usage: npm start -- [options]

A shop on a few origins that keep their carts in memory, and the router in front of them.

  --port <number>     where the router listens (default: $PORT, else 8787)
  --origins <1-9>     how many origins serve the shop (default: 3)
  --verbose           show what the router logs
  --help              show this

ADMIN_TOKEN in the environment or in .dev.vars fixes the admin token; otherwise every run has a new one.`;

/** The command line's wishes. Prints and exits on --help and on anything it does not understand. */
export function readOptions(): Options {
  try {
    const { values } = parseArgs({
      options: {
        port: { type: "string", default: process.env["PORT"] || "8787" },
        origins: { type: "string", default: "3" },
        verbose: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) {
      console.log(HELP);
      process.exit(0);
    }
    return {
      port: numberBetween("--port", values.port, 1, 65_535),
      origins: numberBetween("--origins", values.origins, 1, 9),
      verbose: values.verbose,
    };
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`);
    process.exit(2);
  }
}

function numberBetween(name: string, value: string, least: number, most: number): number {
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= least && number <= most) return number;
  throw new Error(`${name} is "${value}"; it must be a number from ${least} to ${most}.`);
}
