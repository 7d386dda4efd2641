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

/** Where somebody may sit. Questions go beside the result, which may be piped. */
export interface Terminal {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

const TERMINAL: Terminal = { input: process.stdin, output: process.stderr };

/** Asks before what can't be taken back, where somebody is there to answer. */
export async function confirm(
  question: string,
  { yes = false }: { readonly yes?: boolean },
  terminal = TERMINAL,
): Promise<void> {
  if (yes || !terminal.input.isTTY || !terminal.output.isTTY) return;
  if (!/^y(es)?$/i.test((await ask(`${question} [y/N] `, terminal)).trim())) {
    throw new Failure(1, "nothing was changed");
  }
}

/** Empty at the end of the input. */
export async function ask(question: string, terminal = TERMINAL): Promise<string> {
  const reader = createInterface({ ...terminal });
  try {
    return await new Promise<string>((resolve, reject) => {
      // An answer that comes together with the end is still one.
      reader.once("close", () => setImmediate(() => resolve("")));
      reader.question(question).then(resolve, reject);
    });
  } finally {
    reader.close();
  }
}
