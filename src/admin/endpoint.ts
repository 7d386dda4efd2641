import type * as v from "valibot";

import type { Router } from "../assembly/assemble.ts";
import type { Background } from "../model.ts";
import type { Failure } from "../outcome.ts";

/**
 * One thing the admin can be asked, declared once: the router, the checks of what comes in and the
 * OpenAPI document are all made from it.
 */

export type Method = "GET" | "POST" | "PATCH" | "DELETE";

/** A query or body of named fields; others are refused by name. */
export type Fields = v.GenericSchema<unknown, unknown>;

/** The names in a path such as "/api/pools/:pool". */
type ParamsOf<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Record<Name, string> & ParamsOf<`/${Rest}`>
  : Path extends `${string}:${infer Name}`
    ? Record<Name, string>
    : Record<never, string>;

export interface Call<Params, Query, Body> {
  readonly router: Router;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly request: Request;
  /** The bindings that a configuration may name. */
  readonly fetchers: (binding: string) => Fetcher | null;
  readonly background: Background;
}

/** A JSON value that fits the endpoint's schema, what went wrong, or an answer of any other kind. */
export type Reply<T> = { readonly value: T; readonly tag?: string } | Failure | Response;

interface Told {
  /** The operationId: stable, for generated clients. */
  readonly id: string;
  readonly summary: string;
  /** A GET whose answer has an ETag, and that is 304 to whoever has it; a write that heeds If-Match. */
  readonly isTagged?: boolean;
  /** For the OpenAPI document: a body, and the answer to it. */
  readonly examples?: { readonly body?: unknown; readonly answer?: unknown };
  /** Failures it may answer with beyond those of every endpoint. */
  readonly failures?: readonly Failure["code"][];
}

export interface Endpoint extends Told {
  readonly method: Method;
  readonly path: string;
  readonly query: Fields | null;
  readonly body: Fields | null;
  /** What a good answer looks like; text: the media type of one that is not JSON. */
  readonly answer: Fields | string;
  handle(call: Call<unknown, unknown, unknown>): Promise<Reply<unknown>>;
}

type OutputOf<S> = S extends Fields ? v.InferOutput<S> : undefined;
type AnswerOf<S> = S extends Fields ? v.InferInput<S> : never;

export function endpoint<
  const Path extends string,
  Answer extends Fields | string,
  Query extends Fields | undefined = undefined,
  Body extends Fields | undefined = undefined,
>(
  method: Method,
  path: Path,
  told: Told & {
    readonly query?: Query;
    readonly body?: Body;
    readonly answer: Answer;
    handle(
      call: Call<ParamsOf<Path>, OutputOf<Query>, OutputOf<Body>>,
    ): Promise<Reply<AnswerOf<Answer>>>;
  },
): Endpoint {
  const { query = null, body = null, ...rest } = told;
  // The dispatcher hands in what the schemas of this very endpoint have made.
  return { ...rest, method, path, query, body } as Endpoint;
}
