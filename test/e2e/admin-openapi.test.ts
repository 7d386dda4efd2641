import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { afterAll, beforeAll, describe, test } from "vitest";
import { openApi31 } from "./openapi-31.ts";
import { startScene, type Row, type Scene } from "./scene.ts";

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
}
type Content = Readonly<Record<string, { readonly schema: object; readonly example?: unknown }>>;

interface Document {
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

let scene: Scene;
let document: Document;
let rows: Row[];

beforeAll(async () => {
  scene = await startScene({ names: ["app-1", "app-2"] });
  for (let n = 0; n < 4; n += 1) await scene.client().get("/");
  rows = await scene.admin.sessions();
  document = await scene.admin.get<Document>("/openapi.json");
});

afterAll(() => scene.stop());

const operations = (): [string, string, Operation][] =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, one]): [string, string, Operation] => [
      path,
      method,
      one,
    ]),
  );

/** Checks against a schema of the document, whose references it resolves. */
function mistakes(pointer: string, value: unknown): unknown {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema({ $id: "doc", ...document });
  const validate = ajv.compile({ $ref: `doc#${pointer}` });
  return validate(value) ? null : validate.errors;
}

const pointerOf = (path: string, method: string, rest: string) =>
  `/paths/${path.replaceAll("~", "~0").replaceAll("/", "~1").replaceAll("{", "%7B").replaceAll("}", "%7D")}/${method}/${rest}`;

const answerSchema = (path: string, method: string) =>
  pointerOf(path, method, "responses/200/content/application~1json/schema");

describe("GET /openapi.json", () => {
  test("is a valid OpenAPI 3.1 document, and every schema in it is one of JSON Schema 2020-12", ({
    expect,
  }) => {
    const ajv = new Ajv2020({ strict: false, allErrors: true });
    const validate = ajv.compile(openApi31);
    expect(validate(document) ? null : validate.errors).toBeNull();
    expect(document.servers).toEqual([{ url: "/__limpet" }]);
    const ids = operations().map(([, , { operationId }]) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    // Every reference leads somewhere: compiling fails otherwise.
    for (const [path, method, { responses }] of operations()) {
      if (responses["200"]?.content?.["application/json"] === undefined) continue;
      mistakes(answerSchema(path, method), {});
    }
  });

  test("names the parameters of each path", ({ expect }) => {
    for (const [path, , { parameters = [] }] of operations()) {
      const named = parameters.filter((one) => one.in === "path").map(({ name }) => name);
      expect(named).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
    }
  });

  test("has exactly the methods that each path allows", async ({ expect }) => {
    for (const [path, methods] of Object.entries(document.paths)) {
      const answer = await scene.admin.request(path.replaceAll(/[{}]/g, ""), { method: "PUT" });
      const allowed = answer.headers.get("allow")?.split(", ") ?? [];
      expect([
        path,
        allowed.filter((one) => one !== "HEAD").map((one) => one.toLowerCase()),
      ]).toEqual([path, Object.keys(methods)]);
    }
  });

  test("describes what is really answered, every operation of it", async ({ expect }) => {
    const id = rows[0]?.id ?? "";
    const other = rows[1]?.id ?? "";
    const pool = { name: "default", origins: [{ name: "app-1", url: "http://app-1.test" }] };
    const asked: readonly (readonly [string, string, string, unknown?])[] = [
      ["/api/sessions", "get", "/api/sessions?limit=2"],
      ["/api/sessions/find", "post", "/api/sessions/find", { value: id }],
      ["/api/sessions/{id}", "get", `/api/sessions/${id}`],
      ["/api/sessions/{id}", "patch", `/api/sessions/${id}`, { origin: "app-2" }],
      ["/api/sessions/{id}", "delete", `/api/sessions/${other}`],
      ["/api/pools", "get", "/api/pools"],
      ["/api/pools/{pool}", "get", "/api/pools/default"],
      [
        "/api/pools/{pool}/origins/{origin}",
        "patch",
        "/api/pools/default/origins/app-1",
        { state: "draining" },
      ],
      ["/api/events", "get", "/api/events"],
      ["/api/explain", "post", "/api/explain", { url: "http://shop.test/" }],
      ["/api/what-if", "post", "/api/what-if", { pools: [pool] }],
      ["/api/sessions", "delete", "/api/sessions?pool=default"],
    ];
    for (const [path, method, target, body] of asked) {
      const answer = await scene.admin.request(target, {
        method: method.toUpperCase(),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      expect([target, answer.status]).toEqual([target, 200]);
      expect([target, mistakes(answerSchema(path, method), await answer.json())]).toEqual([
        target,
        null,
      ]);
    }
    const json = operations().filter(
      ([path, , { responses }]) =>
        path.startsWith("/api/") && responses["200"]?.content?.["application/json"] !== undefined,
    );
    const done = new Set(asked.map(([path, method]) => `${method} ${path}`));
    expect(
      json.map(([path, method]) => `${method} ${path}`).filter((one) => !done.has(one)),
    ).toEqual([]);
  });

  test("describes failures, too", async ({ expect }) => {
    const failing: readonly (readonly [string, string, string])[] = [
      ["/api/sessions", "get", "/api/sessions?limit=0"],
      ["/api/sessions/{id}", "get", "/api/sessions/none"],
      ["/api/pools/{pool}", "get", "/api/pools/none"],
    ];
    for (const [path, method, target] of failing) {
      const answer = await scene.admin.request(target, { method: method.toUpperCase() });
      const told = document.paths[path]?.[method]?.responses[answer.status];
      expect([target, told]).not.toEqual([target, undefined]);
      expect(mistakes("/components/schemas/Problem", await answer.json())).toBeNull();
    }
  });

  test("gives examples that fit", ({ expect }) => {
    let examples = 0;
    for (const [path, method, { requestBody, responses }] of operations()) {
      const body = requestBody?.content["application/json"]?.example;
      const answer = responses["200"]?.content?.["application/json"]?.example;
      const schema = pointerOf(path, method, "requestBody/content/application~1json/schema");
      if (body !== undefined) expect([path, mistakes(schema, body)]).toEqual([path, null]);
      if (answer !== undefined) {
        expect([path, mistakes(answerSchema(path, method), answer)]).toEqual([path, null]);
      }
      examples += Number(body !== undefined) + Number(answer !== undefined);
    }
    expect(examples).toBeGreaterThan(5);
  });
});

describe("entity tags", () => {
  const path = "/api/pools/default/origins/app-2";
  const patch = (body: object, match?: string) =>
    scene.admin.request(path, {
      method: "PATCH",
      body: JSON.stringify(body),
      ...(match === undefined ? {} : { headers: { "if-match": match } }),
    });
  const etag = async () => {
    const { origins } = await scene.admin.get<{ origins: { name: string; etag: string }[] }>(
      "/api/pools/default",
    );
    return origins.find(({ name }) => name === "app-2")?.etag ?? "";
  };

  test("let the second of two operators know that the first was there", async ({ expect }) => {
    const read = await etag();
    const first = await patch({ weight: 5 }, read);
    expect(first.status).toBe(200);
    const second = await patch({ weight: 7 }, read);
    expect(second.status).toBe(412);
    expect(await second.json()).toMatchObject({ code: "precondition_failed" });
    expect((await patch({ weight: 6 }, first.headers.get("etag") ?? "")).status).toBe(200);
    expect((await patch({ weight: null }, "*")).status).toBe(200);
    expect((await patch({ weight: 1 }, `"other", ${await etag()}`)).status).toBe(200);
  });

  test("of an origin do not change with its sessions", async ({ expect }) => {
    const read = await etag();
    for (let n = 0; n < 4; n += 1) await scene.client().get("/");
    expect(await etag()).toBe(read);
  });

  test("keep an operator from moving or releasing a session that is elsewhere by now", async ({
    expect,
  }) => {
    await scene.client().get("/");
    const [row] = await scene.admin.sessions();
    const target = `/api/sessions/${row?.id}`;
    const read = (await scene.admin.request(target)).headers.get("etag") ?? "";
    expect(read).toMatch(/^"[\w-]+"$/);
    const move = (origin: string, match: string) =>
      scene.admin.request(target, {
        method: "PATCH",
        body: JSON.stringify({ origin }),
        headers: { "if-match": match },
      });
    const to = row?.origin === "app-1" ? "app-2" : "app-1";
    expect((await move(to, read)).status).toBe(200);
    expect((await move("app-1", read)).status).toBe(412);
    const gone = { method: "DELETE", headers: { "if-match": read } };
    expect((await scene.admin.request(target, gone)).status).toBe(412);
    const now = (await scene.admin.request(target)).headers.get("etag") ?? "";
    expect(
      (await scene.admin.request(target, { ...gone, headers: { "if-match": now } })).status,
    ).toBe(200);
  });

  test("spare whoever asks again the answer that they have", async ({ expect }) => {
    for (const target of ["/api/pools", "/api/pools/default"]) {
      const tag = (await scene.admin.request(target)).headers.get("etag") ?? "";
      for (const given of [tag, `W/${tag}`, `"x", ${tag}`, "*"]) {
        const again = await scene.admin.request(target, { headers: { "if-none-match": given } });
        expect([given, again.status, await again.text()]).toEqual([given, 304, ""]);
        expect(again.headers.get("etag")).toBe(tag);
      }
      const other = await scene.admin.request(target, { headers: { "if-none-match": '"x"' } });
      expect(other.status).toBe(200);
    }
  });
});
