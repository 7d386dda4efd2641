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
  // Searched once each, however many pairs there are, or a thousand of them would cost a million steps.
  let semicolon = 0;
  let comma = 0;
  let at = header.indexOf(name);
  while (at !== -1) {
    const equals = skipBlanks(header, at + name.length);
    let end = at + name.length;
    if (header[equals] === "=" && startsPair(header, at)) {
      const from = equals + 1;
      if (semicolon < from) semicolon = nextOf(header, ";", from);
      if (comma < from) comma = nextOf(header, ", ", from);
      while (comma < semicolon && !isBorder(header, comma, semicolon)) {
        comma = nextOf(header, ", ", comma + 2);
      }
      end = Math.min(comma, semicolon);
      found.push({ name, value: header.slice(from, end).trim(), start: at, end });
    }
    at = header.indexOf(name, end);
  }
  return found;
}

/**
 * The header without these pairs and one separator each, all else byte for byte; null when nothing is
 * left.
 */
export function withoutPairs(header: string, pairs: readonly CookiePair[]): string | null {
  const [only] = pairs;
  if (only?.start === 0 && only.end === header.length) return null;
  let rest = "";
  let from = 0;
  /** Whether something stands before the pair, and whether that ends with ";". */
  let isFirst = true;
  let isClosed = false;
  const inOrder = pairs.length === 1 ? pairs : pairs.toSorted((a, b) => a.start - b.start);
  for (const pair of inOrder) {
    const before = header.slice(from, pair.start).trimEnd();
    // Cut the separator before the pair; the one after it then joins its neighbours.
    if (before !== "") {
      const kept = before.slice(0, -1);
      rest += kept;
      isFirst = false;
      if (kept !== "") isClosed = kept.endsWith(";");
    }
    from = isFirst ? skipSeparator(header, pair.end) : pair.end;
    // A comma beside our cookie was the border of two Cookie lines, and no part of a value.
    if (!isFirst && header[from] === ",") {
      if (!isClosed) rest += ";";
      isClosed = true;
      from += 1;
    }
  }
  rest += header.slice(from);
  return /[^\s;,]/.test(rest) ? rest : null;
}

/** The header with other values in these pairs, everything else byte for byte; null leaves a value. */
export function withValues(
  header: string,
  pairs: readonly CookiePair[],
  valueOf: (pair: CookiePair) => string | null,
): string {
  let changed = "";
  let from = 0;
  for (const pair of pairs) {
    const value = valueOf(pair);
    if (value === null) continue;
    changed += header.slice(from, header.indexOf("=", pair.start) + 1) + value;
    from = pair.end;
  }
  return changed + header.slice(from);
}

function startsPair(header: string, at: number): boolean {
  let before = at - 1;
  while (before >= 0 && isBlank(header[before])) before -= 1;
  if (before < 0 || header[before] === ";") return true;
  return header[before] === "," && before < at - 1;
}

/** Whether another pair follows this ", ": it is where a second Cookie line begins. */
function isBorder(header: string, comma: number, end: number): boolean {
  return /^[!#$%&'*+.^_`|~\w-]+=/.test(header.slice(comma + 2, Math.min(end, comma + 258)));
}

/** Where it stands next; the header's end if nowhere. */
function nextOf(header: string, text: string, from: number): number {
  const at = header.indexOf(text, from);
  return at === -1 ? header.length : at;
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
