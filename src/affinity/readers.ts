import type { Origin, Pool, Rule } from "../model.ts";
import type { Carriers } from "./carriers.ts";
import { keySource } from "./key-source.ts";
import type { Reader } from "./sighting.ts";

/** One reader per rule: where its key is read (a file in keys/) × where its pin is kept. */
export function readersOf(pool: Pool, carriers: Carriers): readonly Reader[] {
  return pool.rules.map((rule) => readerOf(rule, pool, carriers));
}

function readerOf(rule: Rule, pool: Pool, carriers: Carriers): Reader {
  switch (rule.pin) {
    case "cookie":
    case "embed": {
      const reader = carriers.of.get(rule)?.read ?? carriers.envelopes.get(rule)?.read;
      if (reader === undefined) throw new Error(`rule ${rule.id} has no carrier`);
      return reader;
    }
    case "map":
    case "hash": {
      const kind = rule.pin === "map" ? "keyed" : "hashed";
      const source = keySource(rule);
      return (arrival, clientIp) => {
        const key = source(arrival, clientIp);
        return key === null || key === "" ? { kind: "absent", rule } : { kind, rule, key };
      };
    }
    case "route": {
      const source = keySource(rule);
      const byRoute = new Map(pool.origins.map((origin) => [origin.route, origin]));
      return (arrival, clientIp) => {
        const key = source(arrival, clientIp) ?? "";
        const origin = routeOf(key, rule.separator, byRoute);
        return origin === null ? { kind: "absent", rule } : { kind: "named", rule, origin, key };
      };
    }
  }
}

const LABEL_MOST = 64;

/** `abc.node1`: what follows a separator, up to the end, must be exactly a route label. */
function routeOf(
  key: string,
  separator: string,
  byRoute: ReadonlyMap<string, Origin>,
): Origin | null {
  let at = key.indexOf(separator, Math.max(0, key.length - LABEL_MOST - 1));
  while (at !== -1) {
    const origin = byRoute.get(key.slice(at + 1));
    if (origin !== undefined) return origin;
    at = key.indexOf(separator, at + 1);
  }
  return null;
}
