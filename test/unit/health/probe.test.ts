import { afterEach, describe, it, vi } from "vitest";

import { probe } from "../../../src/health/probe.ts";

const SETTINGS = { path: "/healthz", timeoutMs: 1_000, expect: [[200, 299]] as const };
const ORIGIN = "https://app-1.example.com/base";

afterEach(() => {
  vi.restoreAllMocks();
});

/** An origin behind a binding that answers this. */
function fetcherOf(answer: (request: Request) => Response | Promise<Response>) {
  const seen: Request[] = [];
  const fetcher = {
    fetch: async (url: string, init: RequestInit) => {
      const request = new Request(url, init);
      seen.push(request);
      return answer(request);
    },
  };
  return { seen, fetcher: fetcher as unknown as Fetcher };
}

describe("a probe", () => {
  it.for([
    [[[200, 299]], [200, 204, 299], [300, 302, 404, 500]],
    [[[200, 399]], [200, 302, 399], [400, 503]],
    [
      [
        [200, 200],
        [204, 204],
      ],
      [200, 204],
      [201, 203, 205],
    ],
  ] as const)("that expects %j", async ([expected, passes, fails], { expect }) => {
    for (const status of [...passes, ...fails]) {
      const { fetcher } = fetcherOf(() => new Response(null, { status }));
      const isUp = await probe(ORIGIN, fetcher, { ...SETTINGS, expect: expected });
      expect(isUp, String(status)).toBe((passes as readonly number[]).includes(status));
    }
  });

  it("is a GET of the path on the origin's base, with nothing of any client", async ({
    expect,
  }) => {
    const { seen, fetcher } = fetcherOf(() => new Response("ok"));
    await probe(ORIGIN, fetcher, SETTINGS);
    const [request] = seen;
    expect(request?.method).toBe("GET");
    expect(request?.url).toBe(`${ORIGIN}/healthz`);
    expect(request?.redirect).toBe("manual");
    expect([...(request?.headers.keys() ?? [])]).toEqual(["user-agent"]);
  });

  it("goes through the global fetch without a binding", async ({ expect }) => {
    const urls: string[] = [];
    vi.spyOn(globalThis, "fetch").mockImplementation(async (url) => {
      urls.push(String(url));
      return new Response(null, { status: 200 });
    });
    expect(await probe(ORIGIN, null, SETTINGS)).toBe(true);
    expect(urls).toEqual([`${ORIGIN}/healthz`]);
  });

  it("needs no URL with a binding", async ({ expect }) => {
    const { seen, fetcher } = fetcherOf(() => new Response("ok"));
    expect(await probe("", fetcher, SETTINGS)).toBe(true);
    expect(new URL(seen[0]?.url ?? "").pathname).toBe("/healthz");
  });

  it("fails, and does not throw, when the connection does", async ({ expect }) => {
    const { fetcher } = fetcherOf(() => Promise.reject(new Error("Network connection lost.")));
    expect(await probe(ORIGIN, fetcher, SETTINGS)).toBe(false);
  });

  it("fails when the answer is late", async ({ expect }) => {
    const { fetcher } = fetcherOf(
      ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(new Error("aborted")));
        }),
    );
    expect(await probe(ORIGIN, fetcher, { ...SETTINGS, timeoutMs: 100 })).toBe(false);
  });

  it("reads no body, however long", async ({ expect }) => {
    let isCancelled = false;
    const endless = () =>
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
        cancel: () => {
          isCancelled = true;
        },
      });
    const { fetcher } = fetcherOf(() => new Response(endless()));
    expect(await probe(ORIGIN, fetcher, SETTINGS)).toBe(true);
    expect(isCancelled).toBe(true);
  });
});
