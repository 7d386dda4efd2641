import type { Meter } from "./meter.ts";

/** Counts the calls to the session map where they leave this isolate, retries and all. */

export function countedNamespace(
  namespace: DurableObjectNamespace,
  meter: Meter,
): DurableObjectNamespace {
  const getByName = (name: string) => counted(namespace.getByName(name), meter);
  return { getByName } as unknown as DurableObjectNamespace;
}

export function countedKv(kv: KVNamespace, meter: Meter): KVNamespace {
  return counted(kv, meter);
}

type Method = (...given: unknown[]) => Promise<unknown>;

function counted<T extends object>(target: T, meter: Meter): T {
  const of = target as unknown as Record<string, Method>;
  return new Proxy(target, {
    get(_, name) {
      const call = String(name);
      return async (...given: unknown[]) => {
        meter.called(call, true);
        try {
          // As a member of the target: taken from it, a method of a stub is another property path.
          return await of[call]!(...given);
        } catch (error) {
          meter.called(call, false);
          throw error;
        }
      };
    },
  });
}
