import { execFile } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { projectRoot } from "./bundle.ts";

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What it reads from stdin, which is never a terminal. */
  readonly input?: string;
}

/** Runs a program to its end, whatever that is. */
export function run(
  program: string,
  args: readonly string[],
  { cwd = projectRoot, env = {}, input = "" }: RunOptions = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const options = { cwd, env: { ...process.env, ...env }, timeout: 60_000 };
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === "number") resolve({ code, stdout, stderr });
      else reject(error as Error);
    });
    child.stdin?.end(input);
  });
}

/** The same, for what must succeed; answers stdout. */
export async function succeed(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await run(program, args, options);
  if (code !== 0) throw new Error(`${program} ${args.join(" ")}: ${code}\n${stdout}${stderr}`);
  return stdout;
}

/** Installs the project's own copy of a package, without a registry. */
export function link(folder: string, name: string): void {
  const path = join(folder, "node_modules", name);
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(join(projectRoot, "node_modules", name), path);
}

/** The Node of the machine, which may be older than the project's; else the project's. */
export function machineNode(): string {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const folder = folders.find(
    (one) => !one.includes("node_modules") && existsSync(join(one, "node")),
  );
  return folder === undefined ? process.execPath : join(folder, "node");
}
