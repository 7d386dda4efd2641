import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse } from "smol-toml";
import { afterAll, beforeAll, describe, it } from "vitest";
import { projectRoot } from "../../kit/bundle.ts";
import { inParallel } from "../apps/load.ts";
import { blocksOf, type Block } from "./book.ts";

/** What every snippet of a page that shows only settings stands beside. */
const bindings = `
[[durable_objects.bindings]]
name = "SESSION_MAP"
class_name = "SessionMap"
[[durable_objects.bindings]]
name = "POOL_STATE"
class_name = "PoolState"
`;

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "limpet-recipes-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What `npm run check:config` says against a file; empty when it has nothing against it. */
async function objectionsTo(block: Block): Promise<string> {
  const path = join(folder, `${block.line}.toml`);
  writeFileSync(path, block.toml.includes("durable_objects") ? block.toml : block.toml + bindings);
  const { scripts } = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  const [, ...script] = (scripts["check:config"] ?? "").split(" ");
  return await promisify(execFile)(process.execPath, [...script, "--config", path], {
    cwd: projectRoot,
  }).then(
    () => "",
    (error: { stderr?: string; stdout?: string }) => `${error.stderr}${error.stdout}`,
  );
}

describe.for(["docs/recipes.md", "docs/migrating.md"])("every configuration in %s", (page) => {
  it("passes check:config", { timeout: 60_000 }, async ({ expect }) => {
    const blocks = blocksOf(page);
    expect(blocks.length).toBeGreaterThan(5);
    const objections: string[] = [];
    await inParallel(blocks, 2, async (block) => {
      const said = await objectionsTo(block);
      if (said !== "") objections.push(`${page}:${block.line}: ${said}`);
    });
    expect(objections).toEqual([]);
  });
});

describe("check:config, as it is run here", () => {
  it("objects to a wrong one", async ({ expect }) => {
    const [block] = blocksOf("docs/recipes.md");
    const wrong = {
      heading: "",
      line: 0,
      toml: (block?.toml ?? "").replace("affinity =", "affinty ="),
    };
    expect(await objectionsTo(wrong)).toContain("affinty");
  });
});

describe.for(["docs/recipes.md", "README.md"])("the whole files in %s", (page) => {
  const files = blocksOf(page).filter(({ toml }) => toml.startsWith("name ="));
  const ours = parse(readFileSync(join(projectRoot, "wrangler.toml"), "utf8"));

  it("build the Worker as ours does", ({ expect }) => {
    expect(files.length).toBeGreaterThan(0);
    const parts = ["name", "main", "minify", "rules", "compatibility_date", "secrets"];
    for (const part of [...parts, "durable_objects", "migrations"]) {
      for (const { toml, line } of files) {
        expect([line, part, parse(toml)[part]]).toEqual([line, part, ours[part]]);
      }
    }
  });
});

describe("docs/recipes.md", () => {
  const blocks = blocksOf("docs/recipes.md");

  it("has whole files only", ({ expect }) => {
    expect(blocks.filter(({ toml }) => !toml.startsWith("name ="))).toEqual([]);
  });

  it("has no recipe that no test serves", ({ expect }) => {
    const tests = readdirSync(import.meta.dirname)
      .filter((file) => file.endsWith(".test.ts"))
      .map((file) => readFileSync(join(import.meta.dirname, file), "utf8"))
      .join("\n");
    const headings = [...new Set(blocks.map(({ heading }) => heading))];
    expect(headings.length).toBeGreaterThan(11);
    expect(headings.filter((heading) => !tests.includes(`("${heading}"`))).toEqual([]);
  });
});
