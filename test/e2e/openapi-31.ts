/**
 * What OpenAPI 3.1 asks of the objects that our document is made of, as a JSON Schema. Stricter than the
 * standard: what we do not use is not allowed.
 */
const text = { type: "string", minLength: 1 } as const;
const ref = (name: string) => ({ $ref: `#/$defs/${name}` });
const mapOf = (values: object, names?: string) => ({
  type: "object",
  additionalProperties: values,
  ...(names === undefined ? {} : { propertyNames: { pattern: names } }),
});
const object = (properties: object, required: readonly string[] = []) => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
});

export const openApi31 = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  ...object(
    {
      openapi: { type: "string", pattern: "^3\\.1\\.\\d+$" },
      info: object({ title: text, version: text, description: text }, ["title", "version"]),
      servers: { type: "array", items: object({ url: text }, ["url"]) },
      security: { type: "array", items: mapOf({ type: "array", items: text }) },
      paths: mapOf(ref("pathItem"), "^/"),
      components: object({
        schemas: mapOf(ref("schema"), "^[\\w.-]+$"),
        securitySchemes: mapOf(ref("securityScheme"), "^[\\w.-]+$"),
      }),
    },
    ["openapi", "info", "paths"],
  ),
  $defs: {
    schema: { type: ["object", "boolean"], $ref: "https://json-schema.org/draft/2020-12/schema" },
    pathItem: object({
      get: ref("operation"),
      post: ref("operation"),
      patch: ref("operation"),
      delete: ref("operation"),
    }),
    operation: object(
      {
        operationId: { type: "string", pattern: "^[a-z][A-Za-z]+$" },
        summary: text,
        parameters: { type: "array", items: ref("parameter"), uniqueItems: true },
        requestBody: object({ required: { type: "boolean" }, content: ref("content") }, [
          "content",
        ]),
        responses: {
          ...mapOf(ref("response"), "^([1-5]\\d\\d|default)$"),
          minProperties: 1,
          required: ["200"],
        },
      },
      ["operationId", "summary", "responses"],
    ),
    parameter: {
      ...object(
        {
          name: text,
          in: { enum: ["path", "query", "header"] },
          required: { type: "boolean" },
          schema: ref("schema"),
        },
        ["name", "in", "schema"],
      ),
      if: { properties: { in: { const: "path" } } },
      // oxlint-disable-next-line unicorn/no-thenable -- a word of JSON Schema
      then: { properties: { required: { const: true } }, required: ["required"] },
    },
    response: object(
      {
        description: text,
        headers: mapOf(object({ schema: ref("schema") }, ["schema"])),
        content: ref("content"),
      },
      ["description"],
    ),
    content: mapOf(object({ schema: ref("schema"), example: {} }), "^[\\w.+-]+/[\\w.+*-]+"),
    securityScheme: {
      oneOf: [
        object({ type: { const: "http" }, scheme: { const: "bearer" }, description: text }, [
          "type",
          "scheme",
        ]),
        object(
          {
            type: { const: "apiKey" },
            in: { enum: ["cookie", "header", "query"] },
            name: text,
            description: text,
          },
          ["type", "in", "name"],
        ),
      ],
    },
  },
};
