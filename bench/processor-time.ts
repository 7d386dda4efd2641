import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Linux counts a process's time in ticks of this many per second. */
function ticksPerSecond(): number {
  return Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
}

let ticks: number | undefined;

/**
 * Seconds of processor time, own and the kernel's, that a process with all its threads has used; null
 * where there is no /proc. Its steps are a tick, 10 ms as a rule.
 */
export function processorSeconds(pid: number): number | null {
  if (process.platform !== "linux") return null;
  ticks ??= ticksPerSecond();
  return ticksOf(readFileSync(`/proc/${pid}/stat`, "utf8")) / ticks;
}

/** utime and stime of a line of /proc/<pid>/stat (proc(5)); the second field may hold anything. */
export function ticksOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}
