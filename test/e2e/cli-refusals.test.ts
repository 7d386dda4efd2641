import { createServer, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { projectRoot } from "../kit/bundle.ts";
import { run } from "../kit/npm.ts";
import { startRouter } from "../kit/workerd.ts";
import { adminToken, secret, startScene, type Scene } from "./scene.ts";

/** Whatever is wrong: a line on stderr, nothing on stdout, the right exit code, and no stack. */

let scene: Scene;
let stranger: Server;
let strangerUrl: string;

beforeAll(async () => {
  scene = await startScene({ names: ["app-1", "app-2"] });
  stranger = createServer((request, response) => {
    const path = request.url ?? "";
    if (path.startsWith("/html")) {
      response.writeHead(200, { "content-type": "text/html" }).end("<h1>Hello</h1>");
    } else if (path.startsWith("/json")) {
      response.writeHead(200, { "content-type": "application/json" }).end('{"hello":"world"}');
    } else if (path.startsWith("/moved")) {
      response.writeHead(302, { location: "https://elsewhere.example/" }).end();
    } else if (path.startsWith("/cut")) {
      response.writeHead(200, { "content-length": 100 }).write("half");
      setTimeout(() => response.destroy(), 50);
    } else response.writeHead(500, { "content-type": "text/plain" }).end("Error: at line 1");
  }).listen(0, "127.0.0.1");
  await once(stranger, "listening");
  strangerUrl = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`;
});

afterAll(async () => {
  stranger.close();
  await scene.stop();
});

function limpet(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const main = join(projectRoot, "src/cli/main.ts");
  const known = { LIMPET_URL: scene.url, LIMPET_TOKEN: adminToken, ...env };
  // A folder without a .dev.vars of its own.
  return run(process.execPath, [main, ...args], { cwd: tmpdir(), env: known });
}

type Case = readonly [line: string, code: number, says: RegExp];

const cases: readonly Case[] = [
  ["pools shop", 1, /there is no pool "shop", but: default/],
  ["drain shop app-1", 1, /there is no pool "shop"/],
  ["drain default app-9", 1, /there is no origin "app-9" in pool "default", but: app-1, app-2/],
  ["drain default app-1 --deadline soon", 1, /deadline: expected a duration/],
  ["undrain default app-9", 1, /no origin "app-9"/],
  ["disable default app-9", 1, /no origin "app-9"/],
  ["enable default app-9", 1, /no origin "app-9"/],
  ["weight default app-9 1", 1, /no origin "app-9"/],
  ["sessions --pool shop", 1, /no pool "shop"/],
  ["sessions --origin app-9", 1, /no origin "app-9"/],
  ["sessions --limit 0", 1, /limit: expected a whole number from 1 to 1000/],
  ["sessions --cursor nonsense", 1, /cursor/],
  ["session AAAAAAAAAAAAAAAAAAAAAA", 1, /there is no session AAAAAAAAAAAAAAAAAAAAAA/],
  // IDs are base64url: one of 64 begins with a hyphen.
  ["session -AAAAAAAAAAAAAAAAAAAAA", 1, /there is no session -AAAAAAAAAAAAAAAAAAAAA\n/],
  ["move --AAAAAAAAAAAAAAAAAAAA app-1", 1, /there is no session --AAAAAAAAAAAAAAAAAAAA\n/],
  ["release -yAAAAAAAAAAAAAAAAAAAA --yes", 1, /there is no session -yAAAAAAAAAAAAAAAAAAAA\n/],
  ["session ../pools", 1, /there is no session/],
  ["move AAAAAAAAAAAAAAAAAAAAAA app-1", 1, /there is no session/],
  ["release AAAAAAAAAAAAAAAAAAAAAA", 1, /there is no session/],
  ["release --origin app-9", 1, /no origin "app-9"/],
  ["events --limit many", 1, /limit: expected/],
];

const usage: readonly Case[] = [
  ["", 2, /Usage: limpet/],
  ["polls", 2, /unknown command 'polls'[^]*Did you mean pools/],
  ["pools --colour", 2, /unknown option '--colour'/],
  ["pools a b", 2, /too many arguments/],
  ["drain default", 2, /missing required argument 'origin'/],
  ["weight default app-1 1001", 2, /from 0 to 1000/],
  ["weight default app-1 -1", 2, /from 0 to 1000/],
  ["sessions --by cook", 2, /choices are cookie/],
  ["release", 2, /give either the id of a session/],
  ["release x --origin app-1", 2, /give either the id of a session/],
  ["explain nowhere", 2, /"nowhere" is no URL/],
  ["explain http://a/ -H nonsense", 2, /must be like 'Cookie: a=b'/],
  ["what-if", 2, /missing required argument/],
  ["what-if none.toml", 2, /none\.toml: ENOENT/],
  ["check none.toml", 2, /none\.toml: ENOENT/],
];

test.for([...cases, ...usage])("limpet %s: exit %i", async ([line, code, says], { expect }) => {
  const ended = await limpet(line === "" ? [] : line.split(" "));
  expect([ended.code, ended.stdout]).toEqual([code, ""]);
  expect(ended.stderr).toMatch(says);
  expect(ended.stderr).not.toMatch(/\n +at |node:internal|Error:/);
  if (code === 1) expect(ended.stderr.trim().split("\n")).toHaveLength(1);
});

describe("the way to the router", () => {
  const ways: readonly (readonly [string, Readonly<Record<string, string>>, number, RegExp])[] = [
    ["no URL", { LIMPET_URL: "" }, 2, /where is the router\? Give --url, or set LIMPET_URL/],
    ["no token", { LIMPET_TOKEN: "" }, 2, /no admin token: set LIMPET_TOKEN/],
    ["a token that none is", { LIMPET_TOKEN: "a b" }, 2, /characters that none has/],
    ["another token", { LIMPET_TOKEN: "another-token-entirely" }, 1, /refuses the admin token/],
    ["a URL that none is", { LIMPET_URL: "shop.example.com" }, 2, /must be like https:/],
    ["another scheme", { LIMPET_URL: "ftp://shop.example.com" }, 2, /must be like https:/],
    ["a closed port", { LIMPET_URL: "http://127.0.0.1:9" }, 3, /can't be reached/],
    ["a host that is none", { LIMPET_URL: "http://none.invalid" }, 3, /can't be reached: \w+/],
  ];

  test.for(ways)("%s is told in a line", async ([, env, code, says], { expect }) => {
    const ended = await limpet(["pools"], env);
    expect([ended.code, ended.stdout]).toEqual([code, ""]);
    expect(ended.stderr).toMatch(says);
    expect(ended.stderr.trim().split("\n")).toHaveLength(1);
  });

  test("credentials in a URL are refused, and not repeated", async ({ expect }) => {
    const ended = await limpet(["pools"], { LIMPET_URL: "https://me:hunter2@shop.example.com" });
    expect([ended.code, ended.stderr.includes("hunter2")]).toEqual([2, false]);
  });

  const others = [
    ["/html", /is no Limpet's admin API: it answers 200 text\/html/],
    ["/json", /is no Limpet's admin API: it answers 200 application\/json/],
    ["/moved", /is no Limpet's admin API: it answers 302/],
    ["/broken", /is no Limpet's admin API: it answers 500 text\/plain/],
    ["/cut", /can't be reached/],
  ] as const;

  test.for(others)("what answers at %s is no Limpet", async ([path, says], { expect }) => {
    const ended = await limpet(["sessions"], { LIMPET_URL: `${strangerUrl}${path}` });
    expect([ended.code, ended.stdout]).toEqual([3, ""]);
    expect(ended.stderr).toMatch(says);
    expect(ended.stderr.trim().split("\n")).toHaveLength(1);
  });

  test("the admin path may stand in the URL; a wrong one is not the admin", async ({ expect }) => {
    const right = await limpet(["pools"], { LIMPET_URL: `${scene.url}/__limpet/` });
    expect([right.code, right.stderr]).toEqual([0, ""]);
    const wrong = await limpet(["pools"], { LIMPET_URL: `${scene.url}/admin` });
    expect([wrong.code, wrong.stdout]).toEqual([3, ""]);
  });
});

describe("a router that is not well", () => {
  test("says what is wrong with its configuration", async ({ expect }) => {
    const secrets = { AFFINITY_SECRET: secret, ADMIN_TOKEN: adminToken };
    const router = await startRouter({ vars: { ORIGINS: ["no url"], LOG: "loud" }, secrets });
    try {
      const ended = await limpet(["pools"], { LIMPET_URL: router.url });
      expect([ended.code, ended.stdout]).toEqual([1, ""]);
      expect(ended.stderr).toMatch(/configuration is wrong:\n {2}ORIGINS\S* is "no url"; expected/);
      expect(ended.stderr).toContain('LOG is "loud"');
    } finally {
      await router.stop();
    }
  });

  test("without ADMIN_TOKEN has no admin routes", async ({ expect }) => {
    const secrets = { AFFINITY_SECRET: secret };
    const router = await startRouter({ vars: { ORIGINS: ["http://127.0.0.1:9"] }, secrets });
    try {
      const ended = await limpet(["pools"], { LIMPET_URL: router.url });
      expect([ended.code, ended.stderr]).toEqual([3, expect.stringContaining("no ADMIN_TOKEN")]);
    } finally {
      await router.stop();
    }
  });
});

describe("--help", () => {
  test.for(["", "pools", "drain", "release", "explain", "init", "check"])(
    "limpet %s --help goes to stdout and exits 0",
    async (command, { expect }) => {
      const ended = await limpet([...(command === "" ? [] : [command]), "--help"]);
      expect([ended.code, ended.stderr]).toEqual([0, ""]);
      expect(ended.stdout).toContain(`Usage: limpet ${command}`.trim());
    },
  );
});
