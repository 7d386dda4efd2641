import * as v from "valibot";

import type { Router } from "../../assembly/assemble.ts";
import type { Background } from "../../model.ts";
import type { Failure } from "../../outcome.ts";
import { endpoint } from "../endpoint.ts";
import { explain } from "../explain/explain.ts";
import { explanation, fields, type Explanation } from "../schemas.ts";

const URL_SHAPE = "an http or https URL of at most 8192 characters";
const HEADERS = "an object of header fields, or a list of [name, value] pairs";
const HEADERS_MOST = 200;

export const explainBody = fields({
  url: v.pipe(
    v.string(URL_SHAPE),
    v.maxLength(8192, URL_SHAPE),
    v.regex(/^https?:\/\//i, URL_SHAPE),
    v.check((url) => URL.canParse(url), URL_SHAPE),
  ),
  method: v.optional(v.pipe(v.string("a method"), v.regex(/^[A-Za-z-]{1,32}$/, "a method")), "GET"),
  headers: v.optional(
    v.union(
      [
        v.record(v.string(), v.string(HEADERS), HEADERS),
        v.pipe(
          v.array(v.strictTuple([v.string(), v.string()], HEADERS), HEADERS),
          v.maxLength(HEADERS_MOST, `at most ${HEADERS_MOST} header fields`),
        ),
      ],
      HEADERS,
    ),
    {},
  ),
  ip: v.optional(v.pipe(v.string("an address"), v.maxLength(64, "an address"))),
});

interface Asked {
  readonly router: Router;
  readonly body: v.InferOutput<typeof explainBody>;
  readonly request: Request;
  readonly background: Background;
}

/** What is told of the request that somebody asked about. */
export async function explainAsked({
  router,
  body,
  request,
  background,
}: Asked): Promise<{ readonly value: Explanation } | Failure> {
  const { url, method, ip = null } = body;
  // As the runtime joins them: several lines of one name become one.
  const given = Array.isArray(body.headers) ? body.headers : Object.entries(body.headers);
  let imagined: Request;
  try {
    const headers = new Headers();
    for (const [name, value] of given) headers.append(name, value);
    // Where it comes from is where this comes from.
    const { cf } = request;
    imagined = new Request(url, { method, headers, ...(cf === undefined ? {} : { cf }) });
  } catch {
    return {
      code: "invalid_input",
      detail: "headers, method: expected a request that can be sent",
    };
  }
  return explain(router.pools, { request: imagined, ip }, Date.now(), background);
}

export const explainRoutes = [
  endpoint("POST", "/api/explain", {
    id: "explainRequest",
    examples: {
      body: {
        url: "https://shop.example.com/cart",
        headers: { cookie: "SID=abc" },
        ip: "192.0.2.7",
      },
    },
    summary: "What would become of a request, and why; changes nothing",
    body: explainBody,
    answer: explanation,
    handle: explainAsked,
  }),
];
