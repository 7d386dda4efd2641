import type { Arrival } from "../shared/arrival.ts";
import type { Choose, Snapshot } from "../model.ts";
import type { Balancer } from "./balancer.ts";
import { clientKey, type Bursts } from "./bursts.ts";

/** Balancing for one request; the first burst of a new client (`burster`: its address) stays together. */
export function chooser(
  { balancer, bursts }: { readonly balancer: Balancer; readonly bursts: Bursts },
  snapshot: Snapshot,
  arrival: Arrival,
  burster: () => string | null,
): Choose {
  return ({ avoid, key, isPinned = false }) => {
    const wanted = { avoid, key, isPinned, arrival };
    if (key !== null || avoid !== null) return balancer.pick(snapshot, wanted);
    const client = clientKey(arrival, burster());
    const recent = bursts.recent(client, arrival.now);
    const known = snapshot.takers.find(({ origin }) => origin.name === recent);
    if (known !== undefined) return known;
    const picked = balancer.pick(snapshot, wanted);
    if (picked !== null) bursts.note(client, picked.origin.name, arrival.now);
    return picked;
  };
}
