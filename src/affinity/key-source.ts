import type { Rule } from "../model.ts";
import { appCookieKey } from "./keys/app-cookie.ts";
import { headerKey } from "./keys/header.ts";
import { ipKey } from "./keys/ip.ts";
import { matrixKey, patternKey } from "./keys/path.ts";
import { queryKey } from "./keys/query.ts";
import type { KeySource } from "./sighting.ts";

/** Where a rule reads its key: one file per source in keys/. */
export function keySource(rule: Rule): KeySource {
  switch (rule.by) {
    case "cookie":
      return () => null;
    case "app-cookie":
      return appCookieKey(rule.name);
    case "header":
      return headerKey(rule.name);
    case "query":
      return queryKey(rule.name);
    case "path":
      return rule.pathKind === "matrix" ? matrixKey(rule.name) : patternKey(rule.name);
    case "ip":
      return ipKey(rule.v4, rule.v6);
  }
}
