import { cookieBase, cookieName } from "../shared/cookie-name.ts";
import type { Pool, Problem, Rule } from "../model.ts";

/** Cookies that would overwrite each other in a browser. Pure. */

interface Named {
  readonly pool: Pool;
  readonly rule: Rule;
  readonly path: string;
  /** Whether the router sets it; if not, an application does. */
  readonly isOurs: boolean;
  readonly name: string;
}

/**
 * Two cookies of one name in pools that may share a host, at least one of them ours: on every request
 * one would replace the other, and the router would hide the application's.
 */
export function cookieClashes(pools: readonly Pool[], pathOf: (pool: Pool) => string): Problem[] {
  const all = pools.flatMap((pool) =>
    pool.rules.flatMap((rule, at) => namesOf(pool, rule, `${pathOf(pool)}.affinity[${at}]`)),
  );
  return all.flatMap((one, index) => {
    const other = all
      .slice(0, index)
      .find((earlier) => earlier.name === one.name && areRivals(earlier, one));
    if (other === undefined) return [];
    const value = JSON.stringify(one.name);
    return [{ path: one.path, value, expected: `a cookie name that ${other.path} does not use` }];
  });
}

function namesOf(pool: Pool, rule: Rule, path: string): Named[] {
  const own: Named[] =
    rule.pin === "cookie"
      ? [
          {
            pool,
            rule,
            path,
            isOurs: true,
            name: cookieName(rule.cookie, cookieBase(rule), pool.name, "http:"),
          },
        ]
      : [];
  if (rule.by !== "app-cookie") return own;
  return [...own, { pool, rule, path, isOurs: false, name: rule.name }];
}

function areRivals(one: Named, other: Named): boolean {
  return (
    one.rule !== other.rule && (one.isOurs || other.isOurs) && mayShareHost(one.pool, other.pool)
  );
}

function mayShareHost(one: Pool, other: Pool): boolean {
  // Pools of one name are a problem of their own.
  if (one !== other && one.name === other.name) return false;
  if (one === other || one.match.length === 0 || other.match.length === 0) return true;
  const hosts = ({ match }: Pool) => match.map((glob) => (glob.split("/")[0] ?? "").toLowerCase());
  return hosts(one).some((left) =>
    hosts(other).some((right) => left === right || left.includes("*") || right.includes("*")),
  );
}
