/** Reading and cutting the Cookie request header. Pure, linear in the header, never throws. */

export interface CookiePair {
  readonly name: string;
  /** What stood after "=", outer blanks trimmed, quotes kept, nothing decoded (RFC 6265 §5.4). */
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

/**
 * Every pair with that name, in order. Two Cookie lines reach a Worker joined by ", "; a comma
 * followed by a blank and our name therefore starts a pair as ";" does.
 */
export function cookiesNamed(header: string, name: string): CookiePair[] {
  const found: CookiePair[] = [];
  let at = header.indexOf(name);
  while (at !== -1) {
    const equals = skipBlanks(header, at + name.length);
    let end = at + name.length;
    if (header[equals] === "=" && startsPair(header, at)) {
      end = valueEnd(header, equals + 1);
      found.push({ name, value: header.slice(equals + 1, end).trim(), start: at, end });
    }
    at = header.indexOf(name, end);
  }
  return found;
}

/** The header without these pairs and one separator each; null when nothing is left. */
export function withoutPairs(header: string, pairs: readonly CookiePair[]): string | null {
  let rest = "";
  let from = 0;
  for (const pair of [...pairs].sort((a, b) => a.start - b.start)) {
    const kept = header.slice(from, pair.start);
    // Cut the separator before the pair; the one after it then joins its neighbours.
    if (kept.trim() !== "") rest += kept.trimEnd().slice(0, -1);
    from = rest === "" ? skipSeparator(header, pair.end) : pair.end;
    // A comma beside our cookie was the border of two Cookie lines, and no part of a value.
    if (rest !== "" && header[from] === ",") {
      if (!rest.endsWith(";")) rest += ";";
      from += 1;
    }
  }
  rest += header.slice(from);
  return /[^\s;,]/.test(rest) ? rest : null;
}

/** The value with the pair's value replaced, everything else byte for byte. */
export function withValue(header: string, pair: CookiePair, value: string): string {
  const equals = header.indexOf("=", pair.start);
  return `${header.slice(0, equals + 1)}${value}${header.slice(pair.end)}`;
}

function startsPair(header: string, at: number): boolean {
  let before = at - 1;
  while (before >= 0 && isBlank(header[before])) before -= 1;
  if (before < 0 || header[before] === ";") return true;
  return header[before] === "," && before < at - 1;
}

/** Up to ";", or up to a ", " that is followed by another pair: a second Cookie line. */
function valueEnd(header: string, from: number): number {
  const semicolon = header.indexOf(";", from);
  const end = semicolon === -1 ? header.length : semicolon;
  let comma = header.indexOf(", ", from);
  while (comma !== -1 && comma < end) {
    if (/^[!#$%&'*+.^_`|~\w-]+=/.test(header.slice(comma + 2, Math.min(end, comma + 258)))) {
      return comma;
    }
    comma = header.indexOf(", ", comma + 2);
  }
  return end;
}

function skipBlanks(header: string, from: number): number {
  let at = from;
  while (isBlank(header[at])) at += 1;
  return at;
}

function skipSeparator(header: string, from: number): number {
  const at = skipBlanks(header, from);
  return header[at] === ";" || header[at] === "," ? skipBlanks(header, at + 1) : at;
}

function isBlank(char: string | undefined): boolean {
  return char === " " || char === "\t";
}
