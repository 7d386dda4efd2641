import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { projectRoot } from "../kit/bundle.ts";
import { Client } from "../kit/jar.ts";
import { link, machineNode, run, succeed } from "../kit/npm.ts";
import { startOrigin, type Origin } from "../kit/origins.ts";
import { headersOf } from "../kit/raw-http.ts";
import { startRouter, type Router } from "../kit/workerd.ts";
import { startWrangler } from "../kit/wrangler.ts";
import { Admin, adminToken, secret } from "./scene.ts";

/** The package as npm makes it, in a project that has never seen these sources. */

let folder: string;
let origins: readonly Origin[];

const path = (...parts: readonly string[]) => join(folder, ...parts);
const npm = (...args: readonly string[]) => succeed("npm", args, { cwd: folder });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "limpet-package-"));
  await succeed("npm", ["pack", "--pack-destination", folder]);
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "";
  writeFileSync(path("package.json"), '{ "private": true, "type": "module" }');
  await npm("install", "--offline", "--no-audit", "--no-fund", `./${tarball}`);
  for (const name of ["hono", "@cloudflare/workers-types"]) link(folder, name);
  origins = await Promise.all(["app-1", "app-2"].map((name) => startOrigin({ name })));
});

afterAll(async () => {
  await Promise.all((origins ?? []).map((origin) => origin.stop()));
  rmSync(folder, { recursive: true, force: true });
});

/** Writes an application, as a team with a Hono application would. */
function write(name: string, body: string): string {
  const urls = JSON.stringify(origins.map(({ name, url }) => ({ name, url })));
  writeFileSync(
    path(name),
    `import { Hono } from "hono";
import { limpet, PoolState, SessionMap } from "limpet";
export { PoolState, SessionMap };
const origins = ${urls};
${body}
`,
  );
  return path(name);
}

/** Compiles it as strictly as can be, the package's declarations included. */
function compile(file: string) {
  const flags = "--ignoreConfig --noEmit --strict --exactOptionalPropertyTypes --target es2024";
  const more = "--module esnext --moduleResolution bundler --lib esnext";
  const types = ["--types", "@cloudflare/workers-types"];
  const tsc = join(projectRoot, "node_modules/typescript/bin/tsc");
  const args = [tsc, file, ...flags.split(" "), ...more.split(" "), ...types];
  return run(process.execPath, args, { cwd: folder });
}

async function withApp(entry: string, vars: object, use: (router: Router) => Promise<void>) {
  const router = await startRouter({
    entry,
    vars: { ...vars },
    secrets: { AFFINITY_SECRET: secret, ROUTER_TOKEN: adminToken },
  });
  try {
    await use(router);
  } finally {
    await router.stop();
  }
}

const cookieOf = (answer: Response) => answer.headers.getSetCookie()[0]?.split(";")[0] ?? "";
const originOf = async (answer: Response) =>
  ((await answer.json()) as { readonly origin: string }).origin;

describe("the package", () => {
  test("holds what it needs, and asks npm for nothing else", async ({ expect }) => {
    const tree = JSON.parse(await npm("ls", "--all", "--json", "limpet")) as {
      readonly dependencies: { readonly limpet: { readonly dependencies?: object } };
    };
    expect(tree.dependencies.limpet.dependencies).toBeUndefined();
    const files = readdirSync(path("node_modules/limpet"), { recursive: true }).map(String);
    expect(files).toContain("dist/package/library.js");
    expect(files).toContain("dist/package/LICENSES.txt");
    expect(files.filter((name) => /^(src|test|bench|demo|docs|\.)/.test(name))).toEqual([]);
  });

  test("its types refuse what the settings refuse", async ({ expect }) => {
    const file = write("wrong.ts", 'limpet({ pools: [{ name: "a", origins, balence: "hash" }] });');
    const { code, stdout } = await compile(file);
    expect(code).not.toBe(0);
    expect(stdout).toContain("balence");
    expect(stdout.match(/error TS/g)).toHaveLength(1);
  });
});

describe("mounted in an application", () => {
  const app = `
const app = new Hono();
app.use(
  limpet({
    pools: [{ name: "shop", match: ["*/shop/*"], origins }],
    adminPath: "/ops/router",
    expose: "status",
    bindings: { ADMIN_TOKEN: "ROUTER_TOKEN" },
  }),
);
app.get("/", (c) => c.text("the application's own page"));
app.post("/echo", async (c) => c.text(await c.req.text()));
export default app;`;

  test("routes what its pools match and leaves the rest to the application", async ({ expect }) => {
    const entry = write("mounted.ts", app);
    expect(await compile(entry)).toMatchObject({ code: 0, stdout: "" });
    // The application's own variables have names that ours have, too.
    await withApp(entry, { LOG: "debug", ORIGINS: "elsewhere" }, async ({ url }) => {
      const first = await fetch(`${url}/shop/cart?a=%20b`);
      const cookie = cookieOf(first);
      expect(first.headers.get("affinity-status")).toMatch(/^limpet; new; rule=cookie/);
      const home = await originOf(first);
      for (let n = 0; n < 10; n++) {
        const again = await fetch(`${url}/shop/cart?a=%20b`, { headers: { cookie } });
        expect(again.headers.get("affinity-status")).toMatch(/^limpet; hit/);
        // The whole path, byte for byte: nothing of the mount is cut off.
        expect(await again.json()).toMatchObject({ origin: home, url: "/shop/cart?a=%20b" });
      }

      const own = await fetch(`${url}/`, { headers: { cookie } });
      expect([own.status, await own.text()]).toEqual([200, "the application's own page"]);
      expect(own.headers.get("affinity-status")).toBeNull();
      expect(own.headers.getSetCookie()).toEqual([]);
      const echo = await fetch(`${url}/echo`, { method: "POST", body: "a body" });
      expect(await echo.text()).toBe("a body");
      expect((await fetch(`${url}/nowhere`)).status).toBe(404);
      expect(await (await fetch(`${url}/nowhere`)).text()).toBe("404 Not Found");
    });
  });

  test("has its admin under adminPath, with the token of the binding it was told", async ({
    expect,
  }) => {
    await withApp(write("mounted.ts", app), {}, async ({ url }) => {
      const headers = { authorization: `Bearer ${adminToken}` };
      const cookie = cookieOf(await fetch(`${url}/shop/`));
      const { sessions } = (await (
        await fetch(`${url}/ops/router/api/sessions`, { headers })
      ).json()) as { readonly sessions: readonly { readonly id: string; origin: string }[] };
      expect(sessions).toHaveLength(1);
      const other = sessions[0]?.origin === "app-1" ? "app-2" : "app-1";
      const moved = await fetch(`${url}/ops/router/api/sessions/${sessions[0]?.id}`, {
        method: "PATCH",
        headers,
        body: JSON.stringify({ origin: other }),
      });
      expect(moved.status).toBe(200);
      expect(await originOf(await fetch(`${url}/shop/`, { headers: { cookie } }))).toBe(other);
      expect((await fetch(`${url}/ops/router/api/sessions`)).status).toBe(401);
      expect((await fetch(`${url}/__limpet/api/sessions`, { headers })).status).toBe(404);
    });
  });

  test("at paths: a pool of everything takes only what it is mounted on; other middleware works", async ({
    expect,
  }) => {
    const entry = write(
      "paths.ts",
      `const app = new Hono();
const router = limpet({
  origins: origins.map(({ url }) => url),
  affinity: "header:X-Session",
  bindings: { ADMIN_TOKEN: "ROUTER_TOKEN" },
});
app.use(async (c, next) => {
  await next();
  c.header("X-App", "was here");
});
app.use("/shop/*", router);
app.use("/__limpet/*", router);
app.get("*", (c) => c.text("the application"));
export default app;`,
    );
    expect(await compile(entry)).toMatchObject({ code: 0, stdout: "" });
    await withApp(entry, {}, async ({ url }) => {
      const ask = (session: string) => fetch(`${url}/shop/`, { headers: { "x-session": session } });
      for (const session of ["a", "b", "c", "d"]) {
        const first = await ask(session);
        expect(first.headers.get("x-app")).toBe("was here");
        const home = await originOf(first);
        for (let n = 0; n < 3; n++) expect(await originOf(await ask(session))).toBe(home);
      }
      expect(await (await fetch(`${url}/other`)).text()).toBe("the application");
      const admin = await fetch(`${url}/__limpet/api/pools`, {
        headers: { authorization: `Bearer ${adminToken}` },
      });
      expect(await admin.json()).toMatchObject({ pools: [{ name: "default" }] });
    });
  });

  test("other middleware sets headers of every answer, of a WebSocket's handshake, too", async ({
    expect,
  }) => {
    const entry = write(
      "headers.ts",
      `import { secureHeaders } from "hono/secure-headers";
import { cors } from "hono/cors";
const app = new Hono();
app.use(secureHeaders(), cors(), async (c, next) => {
  await next();
  c.header("X-App", "was here");
});
app.use("/shop/*", limpet({ pools: [{ name: "shop", origins }] }));
export default app;`,
    );
    expect(await compile(entry)).toMatchObject({ code: 0, stdout: "" });
    await withApp(entry, {}, async ({ url }) => {
      const client = new Client(url);
      for (let n = 0; n < 3; n++) {
        const answer = await client.get("/shop/");
        expect([answer.status, headersOf(answer, "x-content-type-options")]).toEqual([
          200,
          ["nosniff"],
        ]);
      }
      const home = (await client.get("/shop/")).json<{ origin: string }>().origin;
      const socket = await client.webSocket("/shop/ws");
      socket.send("whoami");
      expect(String((await once(socket, "message"))[0])).toBe(home);
      socket.close();
    });
  });

  test("with a mistake answers 500 for itself alone, and names every mistake", async ({
    expect,
  }) => {
    const entry = write(
      "mistaken.ts",
      `const app = new Hono();
app.use("/shop/*", limpet({ pools: [{ name: "Shop", origins }], log: "loud", orgins: [] } as object));
app.get("/", (c) => c.text("the application"));
export default app;`,
    );
    await withApp(entry, {}, async (router) => {
      expect((await fetch(`${router.url}/shop/`)).status).toBe(500);
      expect(await (await fetch(`${router.url}/`)).text()).toBe("the application");
      for (const word of ["limpet({ orgins })", "POOLS[0].name", '"path":"LOG"']) {
        expect(router.log).toContain(word);
      }
    });
  });
});

describe("the examples in the docs", () => {
  const blocks = ["README.md", "docs/library.md"].flatMap((page) =>
    [...readFileSync(join(projectRoot, page), "utf8").matchAll(/^```ts\n([^]*?)^```$/gm)].map(
      ([, code = ""], index) => ({ name: `${page}, example ${index + 1}`, code }),
    ),
  );

  test("are three", ({ expect }) => {
    expect(blocks).toHaveLength(3);
  });

  test.for(blocks)(
    "$name compiles, and keeps a client where it is",
    async ({ code }, { expect }) => {
      const entry = path("example.ts");
      const local = (_: string, n: string) => origins[Number(n) - 1]?.url ?? "";
      writeFileSync(entry, code.replaceAll(/https:\/\/app-(\d)\.example\.com/g, local));
      expect(await compile(entry)).toMatchObject({ code: 0, stdout: "" });
      const secrets = { AFFINITY_SECRET: secret, ADMIN_TOKEN: adminToken };
      const router = await startRouter({ entry, secrets });
      try {
        const client = new Client(router.url);
        const home = (await client.get("/shop/")).json<{ origin: string }>().origin;
        for (let n = 0; n < 4; n++) {
          expect((await client.get("/shop/")).json()).toMatchObject({
            origin: home,
            url: "/shop/",
          });
        }
        const socket = await client.webSocket("/shop/ws");
        socket.send("whoami");
        expect(String((await once(socket, "message"))[0])).toBe(home);
        socket.close();
        const { sessions } = await new Admin(router.url).get<{ sessions: object[] }>(
          "/api/sessions",
        );
        expect(sessions).toHaveLength(1);
      } finally {
        await router.stop();
      }
    },
  );
});

describe("without a framework", () => {
  test("fetch is a whole Worker; what no pool takes is 404", async ({ expect }) => {
    const entry = write(
      "alone.ts",
      `void Hono;
const router = limpet({ pools: [{ name: "shop", match: ["*/shop/*"], origins }] });
export default { fetch: router.fetch } satisfies ExportedHandler;`,
    );
    expect(await compile(entry)).toMatchObject({ code: 0, stdout: "" });
    await withApp(entry, {}, async ({ url }) => {
      const first = await fetch(`${url}/shop/`);
      const again = await fetch(`${url}/shop/`, { headers: { cookie: cookieOf(first) } });
      expect(await originOf(again)).toBe(await originOf(first));
      expect((await fetch(`${url}/`)).status).toBe(404);
    });
  });
});

describe("the command, on the machine's own Node", () => {
  const cli = (args: readonly string[], cwd: string, env: Record<string, string> = {}) =>
    run(machineNode(), [path("node_modules/limpet/dist/package/cli.js"), ...args], { cwd, env });

  test("init writes a router that starts, and that the command can talk to", async ({ expect }) => {
    const home = path("My Shop");
    mkdirSync(home);
    const urls = origins.flatMap(({ url }) => ["--origin", url]);
    const written = await cli(["init", ...urls], home);
    expect(written).toMatchObject({ code: 0, stderr: "" });
    expect(written.stdout).toContain("npm run dev");
    expect(statSync(join(home, ".dev.vars")).mode & 0o777).toBe(0o600);
    const text = (name: string) => readFileSync(join(home, name), "utf8");
    expect(text("wrangler.toml")).toContain('name = "my-shop"');
    expect(text(".gitignore")).toContain(".dev.vars");
    // What npm shall install is what it installed this from; wrangler's Node, where ours is too old.
    const manifest = JSON.parse(text("package.json")) as {
      readonly dependencies: { readonly limpet: string };
      readonly devDependencies: { readonly node?: string };
    };
    const { limpet } = manifest.dependencies;
    expect(limpet).toMatch(/^file:\.\.\/limpet-.*\.tgz$/);
    expect(existsSync(join(home, limpet.slice("file:".length)))).toBe(true);
    const { stdout: version } = await run(machineNode(), ["--version"]);
    expect(manifest.devDependencies.node !== undefined).toBe(/^v(18|20|21)\./.test(version));

    link(home, "wrangler");
    symlinkSync(path("node_modules/limpet"), join(home, "node_modules/limpet"));
    expect(await cli(["check"], home)).toMatchObject({
      code: 0,
      stdout: "wrangler.toml: no problems\n",
    });
    const dev = await startWrangler(home);
    try {
      const first = await fetch(dev.url);
      for (let n = 0; n < 3; n++) {
        const again = await fetch(dev.url, { headers: { cookie: cookieOf(first.clone()) } });
        expect(await originOf(again)).toBe(await originOf(first.clone()));
      }
      // The token is that of .dev.vars, which lies in the folder.
      const listed = await cli(["sessions", "--json"], home, { LIMPET_URL: dev.url });
      expect(listed).toMatchObject({ code: 0, stderr: "" });
      expect(JSON.parse(listed.stdout)).toMatchObject({ sessions: [{ by: "cookie" }] });
    } finally {
      await dev.stop();
    }
  });

  test("init overwrites nothing unless told so, and keeps secrets even then", async ({
    expect,
  }) => {
    const home = path("again");
    mkdirSync(home);
    const init = ["init", "--origin", "https://a.example"];
    writeFileSync(join(home, "package.json"), "mine");
    writeFileSync(join(home, ".gitignore"), "mine");
    const refused = await cli(init, home);
    expect([refused.code, refused.stdout]).toEqual([1, ""]);
    expect(refused.stderr).toContain("package.json: already there, nothing was written");
    expect(existsSync(join(home, "wrangler.toml"))).toBe(false);

    expect((await cli([...init, "--force"], home)).code).toBe(0);
    expect(readFileSync(join(home, ".gitignore"), "utf8")).toMatch(/^mine\nnode_modules\//);
    const secrets = readFileSync(join(home, ".dev.vars"), "utf8");
    expect(secrets).toMatch(/^AFFINITY_SECRET=[\w-]{43}\nADMIN_TOKEN=[\w-]{43}\n$/);
    expect((await cli([...init, "--force"], home)).code).toBe(0);
    expect(readFileSync(join(home, ".dev.vars"), "utf8")).toBe(secrets);
  });

  const wrong: readonly (readonly [string, readonly string[], RegExp])[] = [
    ["without origins, and nobody to ask", ["init"], /which origins\? Give --origin/],
    [
      "an origin that is none",
      ["init", "--origin", "app-1"],
      /--origin is "app-1"; expected an http/,
    ],
    ["an origin twice", ["init", "--origin", "http://a", "--origin", "http://a"], /there twice/],
    ["a name that is none", ["init", "--origin", "http://a", "--name", "A b"], /--name is "A b"/],
  ];

  test.for(wrong)("init refuses %s", async ([, args, says], { expect }) => {
    const home = path("refused");
    mkdirSync(home, { recursive: true });
    const { code, stdout, stderr } = await cli(args, home);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(says);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(readdirSync(home)).toEqual([]);
  });

  test("check knows path patterns, where Node doesn't too", async ({ expect }) => {
    const home = path("patterns");
    mkdirSync(home);
    const toml = (pattern: string) =>
      `vars = { ORIGINS = ["https://a.example"], AFFINITY = "path:${pattern}" }
durable_objects.bindings = [{ name = "SESSION_MAP" }, { name = "POOL_STATE" }]
`;
    writeFileSync(join(home, "right.toml"), toml("/rooms/:room/:seat/*"));
    writeFileSync(join(home, "wrong.toml"), toml("/rooms/:room/:room"));
    expect((await cli(["check", "right.toml"], home)).code).toBe(0);
    const wrong = await cli(["check", "wrong.toml"], home);
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining("AFFINITY")]);
    const missing = await cli(["check", "none.toml"], home);
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining("none.toml")]);
  });
});
