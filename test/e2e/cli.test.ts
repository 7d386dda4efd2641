import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, beforeEach, describe, test } from "vitest";
import { confirm } from "../../src/cli/output.ts";
import { projectRoot } from "../kit/bundle.ts";
import { run } from "../kit/npm.ts";
import { adminToken, startScene, type Row, type Scene } from "./scene.ts";

let scene: Scene;

const main = join(projectRoot, "src/cli/main.ts");

beforeAll(async () => {
  scene = await startScene({ names: ["app-1", "app-2"] });
});

beforeEach(async () => {
  await scene.admin.request("/api/sessions?pool=default", { method: "DELETE" });
  for (const { name } of scene.origins) {
    await scene.admin.request(`/api/pools/default/origins/${name}`, {
      method: "PATCH",
      body: '{ "state": null, "weight": null }',
    });
  }
});

afterAll(() => scene.stop());

const environment = () => ({ LIMPET_URL: scene.url, LIMPET_TOKEN: adminToken });

/** Runs the command with the words of a line. */
const limpet = (line: string) =>
  run(process.execPath, [main, ...line.split(" ")], { env: environment() });

/** The same, for what must succeed without a word beside it; answers stdout. */
async function say(line: string): Promise<string> {
  const { code, stdout, stderr } = await limpet(line);
  if (code !== 0 || stderr !== "") throw new Error(`limpet ${line}: ${code}\n${stdout}${stderr}`);
  return stdout;
}

async function json<T>(line: string): Promise<T> {
  return JSON.parse(await say(`${line} --json`)) as T;
}

/** Cells of the rows below the headings; two blanks or more stand between cells. */
const cells = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/ {2,}/));

async function sessions(many: number): Promise<Row[]> {
  for (let n = 0; n < many; n++) await scene.client().get("/");
  return scene.admin.sessions();
}

describe("limpet pools", () => {
  test("shows every origin with its sessions, as a table and as JSON", async ({ expect }) => {
    await sessions(4);
    const text = await say("pools");
    expect(text.split("\n")[0]).toBe(
      "POOL     ORIGIN  STATE   HEALTH  WEIGHT  TIER  SESSIONS  DRAIN",
    );
    expect(cells(text)).toEqual([
      ["default", "app-1", "active", "up", "1", "0", "2"],
      ["default", "app-2", "active", "up", "1", "0", "2"],
    ]);
    expect(await say("pools default")).toBe(text);
    expect(await json("pools")).toEqual(await scene.admin.get("/api/pools"));
    expect(await json("pools default")).toEqual(await scene.admin.get("/api/pools/default"));
  });
});

describe("limpet drain, disable, weight", () => {
  test("drain begins a drain with its deadline, undrain ends it", async ({ expect }) => {
    await sessions(4);
    const [row] = cells(await say("drain default app-1 --deadline 10m"));
    expect(row?.slice(1, 3)).toEqual(["app-1", "draining"]);
    expect(row?.at(-1)).toMatch(/^2 sessions left, in 9m$/);
    expect(await json("undrain default app-1")).toMatchObject({ state: "active", drain: null });
    expect(await json("drain default app-1 --deadline none")).toMatchObject({
      drain: { deadline: null, sessions: 2 },
    });
  });

  test("drain --watch ends when the drain does", async ({ expect }) => {
    const rows = await sessions(2);
    const left = rows.find(({ origin }) => origin === "app-1")?.id ?? "";
    const watching = say("drain default app-1 --deadline none --watch");
    const draining = async () =>
      (await scene.admin.get<object>("/api/pools/default")) as {
        readonly origins: readonly { readonly drain: object | null }[];
      };
    while ((await draining()).origins[0]?.drain === null);
    await say(`release ${left}`);
    const text = await watching;
    expect(text).toContain("1 session left");
    expect(text.trimEnd().split("\n").at(-1)).toBe("app-1 is drained: 0 sessions left");
  });

  test("disable and enable; an origin that is configured so is enabled all the same", async ({
    expect,
  }) => {
    expect(await json("disable default app-2")).toMatchObject({ state: "disabled" });
    expect(await json("enable default app-2")).toMatchObject({ state: "active" });
  });

  test("weight sets a weight, and goes back to the configured one", async ({ expect }) => {
    expect(await json("weight default app-2 7")).toMatchObject({ weight: 7 });
    expect(cells(await say("weight default app-2 configured"))[0]).toContain("1");
    expect(await json("pools default")).toMatchObject({ origins: [{}, { weight: 1 }] });
  });
});

describe("limpet sessions", () => {
  test("lists the map as a table and as JSON, filtered, page by page or all", async ({
    expect,
  }) => {
    const rows = await sessions(5);
    const table = cells(await say("sessions"));
    expect(table.map(([id]) => id).sort()).toEqual(rows.map(({ id }) => id).sort());
    expect(table[0]?.slice(1, 3)).toEqual(["default", "cookie"]);
    expect(table[0]?.at(-1)).toMatch(/^in (29|30)m$/);

    const ofOne = await json<{ sessions: Row[] }>(
      "sessions --origin app-1 --pool default --by cookie",
    );
    expect(ofOne.sessions).toEqual(rows.filter(({ origin }) => origin === "app-1"));
    expect((await json<{ sessions: Row[] }>("sessions --by ip")).sessions).toEqual([]);

    const first = await limpet("sessions --limit 2");
    expect(cells(first.stdout)).toHaveLength(2);
    const cursor = /--cursor (\S+)/.exec(first.stderr)?.[1];
    const rest = await json<{ sessions: Row[]; cursor: null }>(`sessions --all --cursor ${cursor}`);
    expect(rest.cursor).toBeNull();
    expect(rest.sessions).toHaveLength(3);
    const all = await json<{ sessions: Row[] }>("sessions --all --limit 2");
    expect(all.sessions).toEqual(rows);
    expect(cells(await say("sessions --all --limit 2")).map(([id]) => id)).toEqual(
      rows.map(({ id }) => id),
    );
  });

  test("an empty map is an empty list in either form", async ({ expect }) => {
    expect(cells(await say("sessions"))).toEqual([]);
    expect(cells(await say("sessions --all"))).toEqual([]);
    expect(await json("sessions --all")).toEqual({ sessions: [], cursor: null });
  });

  test("session, move and release act on one", async ({ expect }) => {
    await scene.client().get("/");
    const [row] = await scene.admin.sessions();
    expect(await json(`session ${row?.id}`)).toEqual(row);
    expect(await say(`session ${row?.id}`)).toMatch(
      new RegExp(`^id +${row?.id}\npool +default\nby +cookie\norigin +${row?.origin}\n`),
    );
    const other = row?.origin === "app-1" ? "app-2" : "app-1";
    expect(await say(`move ${row?.id} ${other}`)).toMatch(new RegExp(`^origin +${other}$`, "m"));
    expect(await say(`release ${row?.id}`)).toBe(`released ${row?.id} from ${other}\n`);
    expect(await scene.admin.sessions()).toEqual([]);
  });

  test("release takes all of an origin, or of a pool", async ({ expect }) => {
    await sessions(6);
    expect(await say("release --origin app-1")).toBe("released 3 sessions of origin app-1\n");
    expect(await json("release --pool default")).toEqual({ released: 3 });
  });
});

describe("limpet events", () => {
  test("shows what happened, the newest last", async ({ expect }) => {
    await say("disable default app-2");
    const table = cells(await say("events --limit 3"));
    expect(table).toHaveLength(3);
    expect(table.at(-1)?.slice(1)).toEqual([
      "default",
      "state changed",
      "app-2",
      "operator: state disabled",
    ]);
    expect(await json("events --limit 3")).toEqual(await scene.admin.get("/api/events?limit=3"));
  });

  test("--follow goes on with those that come, each once", async ({ expect }) => {
    const args = [main, "events", "--follow", "--json", "--limit", "1"];
    const child = spawn(process.execPath, args, { env: { ...process.env, ...environment() } });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (data: string) => (text += data));
    const lines = () => text.split("\n").slice(0, -1);
    try {
      while (lines().length < 1) await new Promise((resolve) => child.stdout.once("data", resolve));
      await say("weight default app-1 3");
      await say("weight default app-1 4");
      while (lines().length < 3) await new Promise((resolve) => child.stdout.once("data", resolve));
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      const causes = lines().map((line) => (JSON.parse(line) as { readonly cause: string }).cause);
      expect(causes.slice(1)).toEqual(["operator: weight 3", "operator: weight 4"]);
    } finally {
      child.kill("SIGKILL");
    }
  });
});

describe("limpet explain", () => {
  test("says where a request would go, and why", async ({ expect }) => {
    const client = scene.client();
    await client.get("/");
    const [row] = await scene.admin.sessions();
    const cookie = `affinity=${client.cookies.get("affinity")}`;
    const ask = (...more: readonly string[]) =>
      run(
        process.execPath,
        [main, "explain", `${scene.url}/cart`, "-H", `Cookie: ${cookie}`, ...more],
        {
          env: environment(),
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
    expect(await scene.admin.sessions()).toEqual([row]);
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
    return run(process.execPath, [main, "what-if", path, ...more], { env: environment() });
  }

  const pool = (...names: readonly string[]) => {
    const origins = scene.origins.filter(({ name }) => names.includes(name));
    const tables = origins.map(
      ({ name, url }) => `[[vars.POOLS.origins]]\nname = "${name}"\nurl = "${url}"`,
    );
    return `[[vars.POOLS]]\nname = "default"\n${tables.join("\n")}\n`;
  };

  test("shows how many sessions would move, from where and where to", async ({ expect }) => {
    await sessions(4);
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
    await sessions(2);
    const toml = '[env.next.vars]\nORIGINS = ["https://new.example"]\n';
    const { code, stdout } = await ask(toml, "--env", "next", "--json");
    const { moves } = JSON.parse(stdout) as { readonly moves: readonly object[] };
    expect([code, moves.length]).toEqual([0, 2]);
    for (const from of ["app-1", "app-2"]) {
      const move = { from, to: "new.example", sessions: 1 };
      expect(moves).toContainEqual(expect.objectContaining(move));
    }
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
