/** What ends a command: one line for stderr, and the exit code. */
export class Failure extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** 1: refused, or not found; 2: the command line is wrong; 3: no router was reached. */
export type ExitCode = 1 | 2 | 3;
