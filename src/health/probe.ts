import type { HealthSettings } from "../model.ts";

/**
 * One active check: a GET without any client's data. Redirects are not followed, the body is not read.
 * False for a wrong status, a late answer, or none. Never throws.
 */
export async function probe(
  url: string,
  fetcher: Fetcher | null,
  { path, timeoutMs, expect }: Pick<HealthSettings, "path" | "timeoutMs" | "expect">,
): Promise<boolean> {
  const target = `${url === "" ? "https://origin" : url}${path ?? "/"}`;
  const aborting = new AbortController();
  const timer = setTimeout(() => aborting.abort(), timeoutMs);
  const init: RequestInit = {
    redirect: "manual",
    headers: { "User-Agent": "limpet-health-check" },
    signal: aborting.signal,
  };
  try {
    const response = await (fetcher === null ? fetch(target, init) : fetcher.fetch(target, init));
    await response.body?.cancel();
    return expect.some(([from, to]) => response.status >= from && response.status <= to);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
