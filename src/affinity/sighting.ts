import type { Arrival } from "../shared/arrival.ts";
import type { Origin, Rule } from "../model.ts";
import type { Token } from "./token.ts";

/** What one rule saw in a request. */
export type Sighting =
  | { readonly kind: "absent"; readonly rule: Rule }
  /** A pin that the client carries, genuine but of any age. */
  | { readonly kind: "carried"; readonly rule: Rule; readonly token: Token }
  /** A pin that the client carries, to be treated as absent. */
  | { readonly kind: "invalid"; readonly rule: Rule }
  /** A key whose pin is in the session map, if anywhere. */
  | { readonly kind: "keyed"; readonly rule: Rule; readonly key: string }
  /** The value itself names its origin by route label. */
  | { readonly kind: "named"; readonly rule: Rule; readonly origin: Origin; readonly key: string }
  /** A key that is hashed over the origins. */
  | { readonly kind: "hashed"; readonly rule: Rule; readonly key: string };

/** Reads one rule's key or pin. `clientIp` is canonical, or null if it is not known. */
export type Reader = (arrival: Arrival, clientIp: string | null) => Sighting | Promise<Sighting>;

/** Where a rule finds its key: the raw string, or null if the request shows none. Never throws. */
export type KeySource = (arrival: Arrival, clientIp: string | null) => string | null;
