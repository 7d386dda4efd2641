/** What `import … from "limpet"` gives. */

export { limpet, type Limpet } from "./app.ts";
export type {
  AffinityOptions,
  CookieOptions,
  Duration,
  FailoverOptions,
  HealthOptions,
  LimpetOptions,
  OriginOptions,
  PoolOptions,
  RuleOptions,
  SessionOptions,
} from "./config/options.ts";
export { PoolState, SessionMap } from "./assembly/objects.ts";
