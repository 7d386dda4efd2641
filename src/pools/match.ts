import type { Pool } from "../model.ts";

/** Host and path globs: "*" stands for any characters. Pure; time bounded by glob × text. */

/** The first pool that takes the request; null if none does. */
export function poolFor<T extends { readonly match: Matcher }>(
  pools: readonly T[],
  host: string,
  path: string,
): T | null {
  for (const pool of pools) if (pool.match(host, path)) return pool;
  return null;
}

export type Matcher = (host: string, path: string) => boolean;

/** `"shop.example.com/cart/*"`: a host, which ignores case, and port if it names none, and a path. */
export function hostMatcher(pool: Pool): Matcher {
  if (pool.match.length === 0) return () => true;
  const globs = pool.match.map((glob) => {
    const slash = glob.indexOf("/");
    return slash === -1
      ? { host: glob.toLowerCase(), path: "*" }
      : { host: glob.slice(0, slash).toLowerCase() || "*", path: glob.slice(slash) };
  });
  return (host, path) => {
    const full = host.toLowerCase();
    const name = full.replace(/:\d+$/, "");
    return globs.some(
      (glob) =>
        matches(glob.host, /:\d+$/.test(glob.host) ? full : name) && matches(glob.path, path),
    );
  };
}

/** Whether a path fits one of the globs. */
export function pathMatcher(globs: readonly string[]): (path: string) => boolean {
  return globs.length === 0 ? () => false : (path) => globs.some((glob) => matches(glob, path));
}

/** Greedy matching that only ever goes back to the last "*". */
function matches(glob: string, text: string): boolean {
  let at = 0;
  let inGlob = 0;
  let star = -1;
  let resume = 0;
  while (at < text.length) {
    if (glob[inGlob] === "*") {
      star = inGlob;
      resume = at;
      inGlob += 1;
    } else if (inGlob < glob.length && glob[inGlob] === text[at]) {
      at += 1;
      inGlob += 1;
    } else if (star !== -1) {
      inGlob = star + 1;
      resume += 1;
      at = resume;
    } else {
      return false;
    }
  }
  while (glob[inGlob] === "*") inGlob += 1;
  return inGlob === glob.length;
}
