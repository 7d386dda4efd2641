/** Numbers and times as people read them. Pure. */

export function countText(count: number): string {
  // No formatter of our own: making one would take milliseconds of every isolate's start.
  return Math.round(count).toLocaleString("en");
}

export function plural(count: number, noun: string): string {
  return `${countText(count)} ${noun}${Math.round(count) === 1 ? "" : "s"}`;
}

/** "0.4 %"; never "0 %" for what is more than nothing, never "100 %" for less than all. */
export function percentText(part: number, whole: number): string {
  const percent = (100 * part) / whole;
  if (percent > 0 && percent < 0.1) return "< 0.1 %";
  if (percent < 100 && percent > 99.9) return "> 99.9 %";
  return `${percent >= 10 || percent === 0 ? percent.toFixed(0) : percent.toFixed(1)} %`;
}

/** "38 s", "4 min 12 s", "2 h 5 min", "3 d 4 h". */
export function spanText(durationMs: number): string {
  const seconds = Math.max(0, Math.round(durationMs / 1_000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return joined(minutes, "min", seconds % 60, "s");
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return joined(hours, "h", minutes % 60, "min");
  return joined(Math.floor(hours / 24), "d", hours % 24, "h");
}

function joined(major: number, unit: string, minor: number, smaller: string): string {
  return minor === 0 ? `${major} ${unit}` : `${major} ${unit} ${minor} ${smaller}`;
}

/** "12 min", one unit only. */
export function agoText(durationMs: number): string {
  return spanText(durationMs).split(" ").slice(0, 2).join(" ");
}
