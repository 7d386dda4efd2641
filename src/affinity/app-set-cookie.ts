/** Reading Set-Cookie lines of an application as a browser would (RFC 6265 §5.2). Pure. */

export interface AppSetCookie {
  readonly name: string;
  /** As the browser will send it back: outer blanks trimmed, quotes kept, nothing decoded. */
  readonly value: string;
  /** The origin takes the cookie back: Max-Age ≤ 0, or Expires in the past. */
  readonly ends: boolean;
  /** Everything from the first ";" on, byte for byte; empty if there is none. */
  readonly attributes: string;
}

/** Name and value together; a browser drops a cookie that is longer. */
export const COOKIE_MOST = 4_096;

export function readSetCookie(line: string, now: number): AppSetCookie | null {
  const semicolon = line.indexOf(";");
  const pair = semicolon === -1 ? line : line.slice(0, semicolon);
  const attributes = semicolon === -1 ? "" : line.slice(semicolon);
  const equals = pair.indexOf("=");
  if (equals === -1) return null;
  const name = pair.slice(0, equals).trim();
  const value = pair.slice(equals + 1).trim();
  return name === "" ? null : { name, value, ends: ends(attributes, now), attributes };
}

/**
 * The last Set-Cookie of that name counts: it is the one a browser keeps. But one that ends a cookie of
 * another path or domain leaves the one that was just set alone.
 */
export function lastSetCookie(
  lines: readonly string[],
  name: string,
  now: number,
): AppSetCookie | null {
  let last: AppSetCookie | null = null;
  for (const line of lines) {
    if (!line.includes(name)) continue;
    const cookie = readSetCookie(line, now);
    if (cookie === null || cookie.name !== name) continue;
    const isOther = last !== null && scopeOf(last.attributes) !== scopeOf(cookie.attributes);
    if (cookie.ends && last !== null && !last.ends && isOther) continue;
    last = cookie;
  }
  return last;
}

/** Which of several cookies of one name it is. */
function scopeOf(attributes: string): string {
  let path = "";
  let domain = "";
  for (const attribute of attributes.split(";")) {
    const [key = "", value = ""] = attribute.split("=");
    if (key.trim().toLowerCase() === "path") path = value.trim();
    if (key.trim().toLowerCase() === "domain") domain = value.trim().toLowerCase();
  }
  return `${domain};${path}`;
}

/** RFC 6265 §5.1.1 wants a day, a month, a year and a time; `Date.parse` alone takes "0" and "-1". */
function parseDate(text: string): number | null {
  const bare = text.replace(/^"(.*)"$/, "$1");
  const hasAll = /\b\d{1,2}:\d{2}:\d{2}\b/.test(bare) && /[a-z]{3}/i.test(bare);
  if (!hasAll) return null;
  // Two digits: 70 to 99 are the last century, 00 to 69 this one.
  const full = bare.replace(
    /(\d{1,2}[- ][a-z]{3}[a-z]*[- ])(\d{2})(?=\s)/i,
    (_, before: string, year: string) => `${before}${Number(year) < 70 ? 20 : 19}${year}`,
  );
  const time = Date.parse(full);
  return Number.isNaN(time) ? null : time;
}

/** Max-Age wins over Expires; of several of one the last counts. */
function ends(attributes: string, now: number): boolean {
  let maxAge: number | null = null;
  let expires: number | null = null;
  for (const attribute of attributes.split(";")) {
    const equals = attribute.indexOf("=");
    if (equals === -1) continue;
    const key = attribute.slice(0, equals).trim().toLowerCase();
    const value = attribute.slice(equals + 1).trim();
    if (key === "max-age" && /^-?\d+$/.test(value)) maxAge = Number(value);
    if (key === "expires") expires = parseDate(value) ?? expires;
  }
  if (maxAge !== null) return maxAge <= 0;
  return expires !== null && expires <= now;
}

/** The attributes that say how long a cookie lives, so that a companion can live as long. */
export function lifetimeOf(attributes: string): string {
  return attributes
    .split(";")
    .filter((attribute) => /^\s*(max-age|expires)\s*=/i.test(attribute))
    .map((attribute) => `; ${attribute.trim()}`)
    .join("");
}
