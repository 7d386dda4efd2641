import type { KeySource } from "../sighting.ts";

/** The first named group of a URLPattern pathname, such as "/rooms/:room/*". */
export function patternKey(pattern: string): KeySource {
  const compiled = new URLPattern({ pathname: pattern });
  const group = /(?<!\\):([A-Za-z_$][\w$]*)/.exec(pattern)?.[1] ?? "";
  return ({ path }) => {
    try {
      return compiled.exec({ pathname: path })?.pathname.groups[group] ?? null;
    } catch {
      return null;
    }
  };
}

/** A matrix parameter such as ";jsessionid=…", in any segment of the path; the first counts. */
export function matrixKey(name: string): KeySource {
  const start = `;${name}=`;
  return ({ path }) => {
    const at = path.indexOf(start);
    if (at === -1) return null;
    const from = at + start.length;
    const end = path.slice(from).search(/[;/]/);
    return path.slice(from, end === -1 ? undefined : from + end);
  };
}
