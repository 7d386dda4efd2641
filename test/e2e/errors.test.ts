import { afterAll, afterEach, beforeAll, describe, test } from "vitest";
import { headerOf, headersOf, openRaw } from "../kit/raw-http.ts";
import { poolOf, startScene, type Scene } from "./scene.ts";

let scene: Scene;

beforeAll(async () => {
  scene = await startScene({
    names: ["app-1", "app-2"],
    vars: (origins) => {
      const failover = { timeout: "300ms", retries: 0 };
      const health = { passive: { failures: 1000 } };
      const disabled = origins.map(({ name, url }) => ({ name, url, state: "disabled" }));
      return {
        POOLS: [
          poolOf(origins, { name: "closed", match: ["closed.test/*"], origins: disabled }),
          poolOf(origins, {
            name: "strict",
            match: ["strict.test/*"],
            affinity: ["cookie"],
            failover: { ...failover, on_lost: "refuse" },
            health,
          }),
          poolOf(origins, { name: "open", match: ["open.test/*"], failover, health }),
        ],
      };
    },
  });
});

afterEach(() => Promise.all(scene.origins.map((origin) => origin.heal())));
afterAll(() => scene.stop());

const all = (fault: Parameters<Scene["origins"][number]["fail"]>[0]) =>
  Promise.all(scene.origins.map((origin) => origin.fail(fault)));
/** A request to one of the pools. */
async function to(host: string, start = "GET /", lines: readonly string[] = []) {
  const connection = await openRaw(scene.url);
  try {
    connection.write([`${start} HTTP/1.1`, `Host: ${host}`, ...lines, "", ""].join("\r\n"));
    return await connection.read({ method: start.split(" ")[0] ?? "GET" });
  } finally {
    connection.destroy();
  }
}

describe("an answer of the router's own", () => {
  test.for([
    ["nowhere.test", "GET /", null, 404, "no_pool"],
    ["closed.test", "GET /", null, 503, "no_origin"],
    ["open.test", "GET /", { mode: "refuse" }, 502, "origin_unreachable"],
    ["open.test", "POST /", { mode: "reset" }, 502, "origin_unreachable"],
    ["open.test", "GET /", { mode: "hang" }, 504, "origin_timeout"],
    ["open.test", "TRACE /", null, 405, "method_not_allowed"],
    ["open.test", "GET /", { loop: true }, 508, "loop"],
  ] as const)(
    "to %s %s after %o says what it is, sets no cookie and gives nothing away",
    async ([host, start, fault, status, code], { expect }) => {
      const isLoop = fault !== null && "loop" in fault;
      if (fault !== null && "mode" in fault) await all(fault);
      const lines = isLoop ? ["Forwarded: by=_limpet3;for=x"] : ["Content-Length: 0"];
      const answer = await to(host, start, lines);
      const html = await to(host, start, [...lines, "Accept: text/html"]);
      expect([answer.status, html.status]).toEqual([status, status]);
      const problem = JSON.parse(String(answer.body)) as Record<string, unknown>;
      expect(problem).toMatchObject({ status, code, title: expect.any(String) });
      expect(problem["request_id"]).toMatch(/^[\w-]{8,}$/);
      expect(headerOf(html, "content-type")).toMatch(/^text\/html/);
      for (const one of [answer, html]) {
        expect(headersOf(one, "set-cookie")).toEqual([]);
        expect(headersOf(one, "cache-control")).toEqual(["no-store"]);
        expect(headersOf(one, "retry-after").length).toBe(status === 503 ? 1 : 0);
        const text = JSON.stringify(one.headers) + String(one.body);
        expect(text).not.toMatch(/app-[12]|127\.0\.0\.1|limpet|workerd|strict|closed|\bat \w+:/i);
      }
    },
  );

  test("to a session that is refused leaves its cookie as it is", async ({ expect }) => {
    const first = await to("strict.test");
    const [line = ""] = headersOf(first, "set-cookie");
    const cookie = `Cookie: ${line.split(";")[0] ?? ""}`;
    await all({ mode: "refuse" });
    const answer = await to("strict.test", "GET /", [cookie]);
    expect(answer.status).toBe(503);
    expect(JSON.parse(String(answer.body))).toMatchObject({ code: "session_lost" });
    expect(headerOf(answer, "retry-after")).toMatch(/^\d+$/);
    expect(headersOf(answer, "set-cookie")).toEqual([]);
    await Promise.all(scene.origins.map((origin) => origin.heal()));
    const again = await to("strict.test", "GET /", [cookie]);
    expect([again.status, headersOf(again, "set-cookie")]).toEqual([200, []]);
  });
});
