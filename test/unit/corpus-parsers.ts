import { readQuery } from "../../src/admin/input.ts";
import { sessionsQuery } from "../../src/admin/schemas.ts";
import { lastSetCookie } from "../../src/affinity/app-set-cookie.ts";
import { cookiesNamed, withoutPairs } from "../../src/affinity/cookie-header.ts";
import { unwrapCookies } from "../../src/affinity/embed.ts";
import { clientIpReader, ipKey } from "../../src/affinity/keys/ip.ts";
import { matrixKey, patternKey } from "../../src/affinity/keys/path.ts";
import { queryKey } from "../../src/affinity/keys/query.ts";
import { arrive, type Arrival } from "../../src/shared/arrival.ts";
import { checkPools, readVars } from "../../src/config/config.ts";
import type { Problem } from "../../src/model.ts";
import { hostMatcher } from "../../src/pools/match.ts";
import { hopsOf, mapLocation, requestHeaders } from "../../src/proxy/headers.ts";
import { refusalOf } from "../../src/proxy/passing.ts";
import { mint } from "./affinity/fixtures.ts";

/** What each file of test/corpus feeds its inputs to: plain JSON in, plain JSON out. */

type Input = Readonly<Record<string, string>>;
type Pairs = readonly (readonly [string, string])[];

const NOW = Date.UTC(2026, 10, 23);
const SECRET = "the-secret-of-the-corpus-0123456789";

const at = (part: Partial<Arrival>) => part as Arrival;

/** A request as the runtime hands it over: its `url` holds the target as the client sent it. */
function arriveAt(url: string, headers: Pairs = [], method = "GET"): Arrival {
  const request = { url, method, headers: new Headers(headers as [string, string][]) };
  return arrive(request as unknown as Request, NOW);
}

function problemsIn(read: (problems: Problem[]) => unknown): string[] {
  const problems: Problem[] = [];
  read(problems);
  return problems.map(({ path }) => path);
}

export const parsers: Readonly<Record<string, (input: never) => unknown>> = {
  "cookie-header": ({ header, name }: Input) => {
    const pairs = cookiesNamed(header ?? "", name ?? "");
    return { values: pairs.map(({ value }) => value), rest: withoutPairs(header ?? "", pairs) };
  },

  "set-cookie": (lines: readonly string[]) => lastSetCookie(lines, "SID", NOW),

  connection: (lines: Pairs) =>
    [...requestHeaders(arriveAt("https://a.example/", lines), null, null, 0, true)].filter(
      ([name]) => !/^(x-)?forwarded/.test(name),
    ),

  forwarded: ({ chain, forwarded }: Input) => {
    const headers = new Headers();
    if (chain !== undefined) headers.set("x-forwarded-for", chain);
    if (forwarded !== undefined) headers.set("forwarded", forwarded);
    const trusted = ["10.0.0.0/8", "fd00::/8"];
    const read = clientIpReader({ kind: "chain", header: "x-forwarded-for", trusted });
    const client = read(at({ headers }));
    return { client, network: ipKey(24, 64)(at({}), client), hops: hopsOf(headers) };
  },

  token: async (text: string) => {
    const { codec } = await mint([SECRET]);
    const token = await codec.read(text);
    return token && { ...token, origin: token.origin.name };
  },

  envelope: (header: string) => unwrapCookies(header, ["SID"]),

  target: ({ url, method }: Input) => {
    const arrival = arriveAt(url ?? "", [], method ?? "GET");
    const { scheme, host, path, query } = arrival;
    return { scheme, host, path, query, refused: refusalOf(arrival, 0)?.code ?? null };
  },

  location: ({ location, origin }: Input) =>
    mapLocation(
      new Headers({ location: location ?? "" }),
      origin ?? "",
      arriveAt("https://shop.example/x"),
    ),

  keys: ({ path, query }: Input) => ({
    query: queryKey("sid")(at({ query: query ?? "" }), null),
    matrix: matrixKey("jsessionid")(at({ path: path ?? "/" }), null),
    pattern: patternKey("/rooms/:room/*")(at({ path: path ?? "/" }), null),
  }),

  glob: ({ glob, url }: Input) => {
    const { host, path } = arriveAt(url ?? "");
    return hostMatcher({ match: [glob ?? ""] } as never)(host, path);
  },

  config: (pools: unknown) => problemsIn((problems) => checkPools(pools, () => null, problems)),

  vars: (vars: Readonly<Record<string, unknown>>) =>
    problemsIn((problems) => readVars(vars, problems)),

  "admin-query": (query: string) => {
    const read = readQuery(sessionsQuery, `https://a.example/?${query}`);
    return "value" in read ? read.value : read.code;
  },
};
