import { spawn } from "node:child_process";
import { afterAll, beforeAll, beforeEach, describe, test } from "vitest";
import { cells, main, startCliScene, type CliScene } from "./cli-scene.ts";
import type { Row } from "./scene.ts";

let cli: CliScene;

beforeAll(async () => {
  cli = await startCliScene();
});

beforeEach(() => cli.reset());

afterAll(() => cli.scene.stop());

/** Runs the command with the words of a line, which must succeed without a word beside its stdout. */
async function say(line: string): Promise<string> {
  const { code, stdout, stderr } = await cli.limpet(...line.split(" "));
  if (code !== 0 || stderr !== "") throw new Error(`limpet ${line}: ${code}\n${stdout}${stderr}`);
  return stdout;
}

async function json<T>(line: string): Promise<T> {
  return JSON.parse(await say(`${line} --json`)) as T;
}

describe("limpet pools", () => {
  test("shows every origin with its sessions, as a table and as JSON", async ({ expect }) => {
    await cli.sessions(4);
    const text = await say("pools");
    expect(text.split("\n")[0]).toBe(
      "POOL     ORIGIN  STATE   HEALTH  WEIGHT  TIER  SESSIONS  DRAIN",
    );
    expect(cells(text)).toEqual([
      ["default", "app-1", "active", "up", "1", "0", "2"],
      ["default", "app-2", "active", "up", "1", "0", "2"],
    ]);
    expect(await say("pools default")).toBe(text);
    expect(await json("pools")).toEqual(await cli.scene.admin.get("/api/pools"));
    expect(await json("pools default")).toEqual(await cli.scene.admin.get("/api/pools/default"));
  });
});

describe("limpet drain, disable, weight", () => {
  test("drain begins a drain with its deadline, undrain ends it", async ({ expect }) => {
    await cli.sessions(4);
    const [row] = cells(await say("drain default app-1 --deadline 10m"));
    expect(row?.slice(1, 3)).toEqual(["app-1", "draining"]);
    expect(row?.at(-1)).toMatch(/^2 sessions left, in 9m$/);
    expect(await json("undrain default app-1")).toMatchObject({ state: "active", drain: null });
    expect(await json("drain default app-1 --deadline none")).toMatchObject({
      drain: { deadline: null, sessions: 2 },
    });
  });

  test("drain --watch ends when the drain does", async ({ expect }) => {
    const rows = await cli.sessions(2);
    const left = rows.find(({ origin }) => origin === "app-1")?.id ?? "";
    const watching = say("drain default app-1 --deadline none --watch");
    const draining = async () =>
      (await cli.scene.admin.get<object>("/api/pools/default")) as {
        readonly origins: readonly { readonly drain: object | null }[];
      };
    while ((await draining()).origins[0]?.drain === null);
    await say(`release ${left}`);
    const text = await watching;
    expect(text).toContain("1 session left");
    expect(text.trimEnd().split("\n").at(-1)).toBe("app-1 is drained: 0 sessions left");
  });

  test("drain --watch --json prints one answer, of the end", async ({ expect }) => {
    await cli.sessions(2);
    expect(await json("drain default app-1 --deadline 1s --watch")).toMatchObject({
      state: "draining",
      drain: null,
    });
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
    const rows = await cli.sessions(5);
    const table = cells(await say("sessions"));
    expect(table.map(([id]) => id).sort()).toEqual(rows.map(({ id }) => id).sort());
    expect(table[0]?.slice(1, 3)).toEqual(["default", "cookie"]);
    expect(table[0]?.at(-1)).toMatch(/^in (29|30)m$/);

    const ofOne = await json<{ sessions: Row[] }>(
      "sessions --origin app-1 --pool default --by cookie",
    );
    expect(ofOne.sessions).toEqual(rows.filter(({ origin }) => origin === "app-1"));
    expect((await json<{ sessions: Row[] }>("sessions --by ip")).sessions).toEqual([]);

    const first = await cli.limpet("sessions", "--limit", "2");
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
    await cli.scene.client().get("/");
    const [row] = await cli.scene.admin.sessions();
    expect(await json(`session ${row?.id}`)).toEqual(row);
    expect(await say(`session ${row?.id}`)).toMatch(
      new RegExp(`^id +${row?.id}\npool +default\nby +cookie\norigin +${row?.origin}\n`),
    );
    const other = row?.origin === "app-1" ? "app-2" : "app-1";
    expect(await say(`move ${row?.id} ${other}`)).toMatch(new RegExp(`^origin +${other}$`, "m"));
    expect(await say(`release ${row?.id}`)).toBe(`released ${row?.id} from ${other}\n`);
    expect(await cli.scene.admin.sessions()).toEqual([]);
  });

  test("release takes all of an origin, or of a pool", async ({ expect }) => {
    await cli.sessions(6);
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
    expect(await json("events --limit 3")).toEqual(
      await cli.scene.admin.get("/api/events?limit=3"),
    );
  });

  test("--follow goes on with those that come, each once", async ({ expect }) => {
    const args = [main, "events", "--follow", "--json", "--limit", "1"];
    const child = spawn(process.execPath, args, { env: { ...process.env, ...cli.env } });
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
