import type { KeySource } from "../sighting.ts";

/** A query parameter as it stands in the URL, not decoded. Of several the first counts. */
export function queryKey(name: string): KeySource {
  return ({ query }) => {
    for (let at = 1; at < query.length;) {
      const end = endOf(query, at);
      if (query.startsWith(name, at) && query[at + name.length] === "=") {
        return query.slice(at + name.length + 1, end);
      }
      at = end + 1;
    }
    return null;
  };
}

function endOf(query: string, from: number): number {
  const end = query.indexOf("&", from);
  return end === -1 ? query.length : end;
}
