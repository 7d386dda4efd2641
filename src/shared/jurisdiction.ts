import type { Jurisdiction } from "../model.ts";

/**
 * The objects of a namespace that store and run in a jurisdiction only; null: wherever the platform
 * puts them. They are other objects than those of the same names elsewhere. Throws where the runtime
 * has no jurisdictions.
 */
export function inJurisdiction(
  namespace: DurableObjectNamespace,
  jurisdiction: Jurisdiction | null,
): DurableObjectNamespace {
  return jurisdiction === null ? namespace : namespace.jurisdiction(jurisdiction);
}
