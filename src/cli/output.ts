import { createInterface } from "node:readline/promises";

import { Failure } from "./failure.ts";

export function print(text: string): void {
  process.stdout.write(text);
}

export function printJson(value: unknown): void {
  print(`${JSON.stringify(value, null, 2)}\n`);
}

/** For people, beside the result: not on stdout, which may be piped. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Asks before what can't be taken back, where somebody is there to answer. */
export async function confirm(
  question: string,
  options: { readonly yes?: boolean },
): Promise<void> {
  if (options.yes || !process.stdin.isTTY || !process.stderr.isTTY) return;
  if (!/^y(es)?$/i.test((await ask(`${question} [y/N] `)).trim())) {
    throw new Failure(1, "nothing was changed");
  }
}

/** Empty at the end of the input. */
export async function ask(question: string): Promise<string> {
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await new Promise<string>((resolve, reject) => {
      reader.once("close", () => resolve(""));
      reader.question(question).then(resolve, reject);
    });
  } finally {
    reader.close();
  }
}
