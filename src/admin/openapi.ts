import { toJsonSchema } from "@valibot/to-json-schema";
import * as v from "valibot";

import { titleOf, type Failure } from "../outcome.ts";
import type { Endpoint, Fields } from "./endpoint.ts";
import { originView, poolView, sessionView } from "./schemas.ts";

/**
 * The OpenAPI 3.1 document, made from the endpoints and the schemas that validate. `npm run openapi`
 * writes it down in openapi.json; nothing of this is in a Worker.
 */

type Json = Readonly<Record<string, unknown>>;

/** What every route may answer. */
const ALWAYS = [
  "unauthorized",
  "too_many_requests",
  "misconfigured",
  "storage_unavailable",
] as const;
const PROBLEM = "application/problem+json";

const problem = v.looseObject({
  type: v.optional(v.string()),
  title: v.string(),
  status: v.number(),
  code: v.string(),
  detail: v.optional(v.string()),
  request_id: v.optional(v.string()),
});

const NAMED = { Session: sessionView, Origin: originView, Pool: poolView };

/** `of` names the schema itself, which is then no reference to itself. */
function schemaOf(schema: Fields | typeof problem, of = ""): Json {
  const { [of]: _, ...definitions } = NAMED as Record<string, v.GenericSchema>;
  const {
    $schema: __,
    $defs: ___,
    ...rest
  } = toJsonSchema(schema as v.GenericSchema, {
    target: "draft-2020-12",
    typeMode: "input",
    // Checks that JSON Schema has no words for are left to the route.
    errorMode: "ignore",
    definitions,
    overrideRef: ({ referenceId }) => `#/components/schemas/${referenceId}`,
  });
  return rest;
}

/** `servers` is where the admin routes are by default; the Worker knows where they really are. */
export function openApi(endpoints: readonly Endpoint[]): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const endpoint of endpoints) {
    const path = endpoint.path.replace(/:(\w+)/g, "{$1}");
    const operations = (paths[path] ??= {});
    operations[endpoint.method.toLowerCase()] = operation(endpoint);
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "Limpet admin",
      version: "1",
      description: "Sessions, pools and origins of a sticky-session router.",
    },
    servers: [{ url: "/__limpet" }],
    security: [{ token: [] }, { login: [] }],
    paths,
    components: {
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "ADMIN_TOKEN" },
        login: {
          type: "apiKey",
          in: "cookie",
          name: "__Secure-limpet-admin",
          description: "The dashboard's login; over http without its prefix",
        },
      },
      schemas: {
        ...Object.fromEntries(
          Object.entries(NAMED).map(([name, schema]) => [name, schemaOf(schema, name)]),
        ),
        Problem: schemaOf(problem),
      },
    },
  };
}

function operation(endpoint: Endpoint): Json {
  const { id, summary, body, examples = {}, isTagged = false, method } = endpoint;
  const parameters = [...pathParameters(endpoint), ...queryParameters(endpoint)];
  if (isTagged) parameters.push(headerParameter(method === "GET" ? "If-None-Match" : "If-Match"));
  return {
    operationId: id,
    summary,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body === null
      ? {}
      : {
          requestBody: {
            required: true,
            content: { "application/json": content(schemaOf(body), examples.body) },
          },
        }),
    responses: responses(endpoint),
  };
}

function responses(endpoint: Endpoint): Json {
  const { answer, examples = {}, isTagged = false, method, failures = [] } = endpoint;
  const good =
    typeof answer === "string"
      ? { [answer]: { schema: {} } }
      : { "application/json": content(schemaOf(answer), examples.answer) };
  const headers = isTagged ? { headers: { ETag: { schema: { type: "string" } } } } : {};
  const codes = new Set<Failure["code"]>([...ALWAYS, ...failures]);
  codes.add("invalid_input");
  if (isTagged && method !== "GET") codes.add("precondition_failed");
  if (method !== "GET") codes.add("forbidden");
  const bad: Record<string, Json> = {};
  for (const code of codes) {
    const { status, title } = titleOf(code);
    bad[status] = {
      description: `${code}: ${title}`,
      content: { [PROBLEM]: { schema: { $ref: "#/components/schemas/Problem" } } },
    };
  }
  return {
    200: { description: endpoint.summary, ...headers, content: good },
    ...(isTagged && method === "GET" ? { 304: { description: "The client has it already" } } : {}),
    ...bad,
  };
}

function content(schema: Json, example: unknown): Json {
  return example === undefined ? { schema } : { schema, example };
}

function pathParameters({ path }: Endpoint): Json[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

function queryParameters({ query }: Endpoint): Json[] {
  if (query === null) return [];
  const { properties = {}, required = [] } = schemaOf(query) as {
    properties?: Readonly<Record<string, Json>>;
    required?: readonly string[];
  };
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: "query",
    required: required.includes(name),
    schema,
  }));
}

function headerParameter(name: string): Json {
  return { name, in: "header", required: false, schema: { type: "string" } };
}
