import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, beforeEach, describe, test } from "vitest";
import { confirm } from "../../src/cli/output.ts";
import { run } from "../kit/npm.ts";
import { cells, main, startCliScene, type CliScene } from "./cli-scene.ts";

let cli: CliScene;

beforeAll(async () => {
  cli = await startCliScene();
});

beforeEach(() => cli.reset());

afterAll(() => cli.scene.stop());

describe("limpet explain", () => {
  test("says where a request would go, and why", async ({ expect }) => {
    const client = cli.scene.client();
    await client.get("/");
    const [row] = await cli.scene.admin.sessions();
    const cookie = `affinity=${client.cookies.get("affinity")}`;
    const ask = (...more: readonly string[]) =>
      run(
        process.execPath,
        [main, "explain", `${cli.scene.url}/cart`, "-H", `Cookie: ${cookie}`, ...more],
        {
          env: cli.env,
        },
      );
    const text = await ask("-H", "X-Other: 1", "--ip", "198.51.100.7", "-X", "POST");
    expect([text.code, text.stderr]).toEqual([0, ""]);
    expect(text.stdout).toMatch(
      new RegExp(`^pool +default\norigin +${row?.origin}\noutcome +hit\n`),
    );
    expect(text.stdout).toMatch(/^RULE +PIN +KEY +VERDICT +WHY$/m);
    expect(text.stdout).toMatch(/^app-2 +yes/m);
    const { stdout } = await ask("--json");
    expect(JSON.parse(stdout)).toMatchObject({ chosen: row?.origin, outcome: "hit" });
    expect(await cli.scene.admin.sessions()).toEqual([row]);
  });
});

describe("a question before what can't be taken back", () => {
  const terminal = (answer: string) => {
    const input = Object.assign(new PassThrough(), { isTTY: true });
    const output = Object.assign(new PassThrough(), { isTTY: true });
    input.end(answer);
    return { input, output, asked: () => String(output.read() ?? "") };
  };

  test("only yes is one; the end of the input is none", async ({ expect }) => {
    for (const answer of ["y\n", "YES\n"]) {
      const one = terminal(answer);
      await confirm("Release all?", {}, one);
      expect(one.asked()).toContain("Release all? [y/N]");
    }
    for (const answer of ["\n", "n\n", "yesterday\n", ""]) {
      await expect(confirm("Release all?", {}, terminal(answer))).rejects.toThrow(
        "nothing was changed",
      );
    }
  });

  test("is not asked with --yes, nor where nobody is", async ({ expect }) => {
    const one = terminal("n\n");
    await confirm("Release all?", { yes: true }, one);
    await confirm("Release all?", {}, { ...one, input: new PassThrough() });
    expect(one.asked()).toBe("");
  });
});

describe("limpet what-if", () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "limpet-cli-"));
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function ask(toml: string, ...more: readonly string[]) {
    const path = join(folder, "wrangler.toml");
    writeFileSync(path, toml);
    return run(process.execPath, [main, "what-if", path, ...more], { env: cli.env });
  }

  const pool = (...names: readonly string[]) => {
    const origins = cli.scene.origins.filter(({ name }) => names.includes(name));
    const tables = origins.map(
      ({ name, url }) => `[[vars.POOLS.origins]]\nname = "${name}"\nurl = "${url}"`,
    );
    return `[[vars.POOLS]]\nname = "default"\n${tables.join("\n")}\n`;
  };

  test("shows how many sessions would move, from where and where to", async ({ expect }) => {
    await cli.sessions(4);
    const { code, stdout, stderr } = await ask(pool("app-1"));
    expect([code, stderr]).toEqual([0, ""]);
    expect(cells(stdout)).toEqual([["default", "app-2", "app-1", "2", "removed"]]);
    const same = await ask(pool("app-1", "app-2"));
    expect([same.code, same.stdout]).toEqual([0, "no session would move\n"]);
    const { stdout: json } = await ask(pool("app-1"), "--json");
    expect(JSON.parse(json)).toMatchObject({
      moves: [{ from: "app-2", to: "app-1", sessions: 2 }],
    });
  });

  test("reads the small form and an environment", async ({ expect }) => {
    await cli.sessions(2);
    const toml = '[env.next.vars]\nORIGINS = ["https://new.example"]\n';
    const { code, stdout } = await ask(toml, "--env", "next", "--json");
    const { moves } = JSON.parse(stdout) as { readonly moves: readonly object[] };
    expect([code, moves.length]).toEqual([0, 2]);
    for (const from of ["app-1", "app-2"]) {
      const move = { from, to: "new.example", sessions: 1 };
      expect(moves).toContainEqual(expect.objectContaining(move));
    }
  });

  test("reads a single origin that is no list, as the router does", async ({ expect }) => {
    await cli.sessions(2);
    const toml = '[vars]\nORIGINS = "https://new.example"\n';
    const { code, stdout } = await ask(toml, "--json");
    const { moves } = JSON.parse(stdout) as { readonly moves: readonly object[] };
    expect([code, moves.length]).toEqual([0, 2]);
  });

  test("lists every mistake of the file on stderr, and exits 1", async ({ expect }) => {
    const ended = await ask(`${pool("app-1")}weight = 1001\ntier = 12\n`);
    expect([ended.code, ended.stdout]).toEqual([1, ""]);
    expect(ended.stderr).toMatch(/: 2 problems\n {2}POOLS\[0\]\S*weight is 1001; expected/);
  });

  test("refuses a file without pools before it asks anybody", async ({ expect }) => {
    const { code, stderr } = await ask("name = 'x'\n");
    expect([code, stderr]).toEqual([2, "limpet: the file has neither POOLS nor ORIGINS\n"]);
  });
});
