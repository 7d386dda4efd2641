/**
 * Whether a write comes from a page of our own. Browsers say so by `Origin`, `Sec-Fetch-Site` or both;
 * a request with neither is none that our pages send. Pure.
 */
export function isSameSite({ url, headers }: Request): boolean {
  const origin = headers.get("origin");
  const site = headers.get("sec-fetch-site");
  if (origin === null && site === null) return false;
  return (
    (origin === null || origin === new URL(url).origin) &&
    (site === null || site === "same-origin" || site === "none")
  );
}
