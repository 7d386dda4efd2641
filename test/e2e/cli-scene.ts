import { join } from "node:path";
import { projectRoot } from "../kit/bundle.ts";
import { run, type Ended } from "../kit/npm.ts";
import { adminToken, startScene, type Row, type Scene } from "./scene.ts";

export const main = join(projectRoot, "src/cli/main.ts");

export interface CliScene {
  readonly scene: Scene;
  readonly env: Readonly<Record<string, string>>;
  /** Runs the command with these words. */
  limpet(...words: readonly string[]): Promise<Ended>;
  /** So many new clients; all sessions there are. */
  sessions(many: number): Promise<Row[]>;
  /** No sessions, and no operator's word. */
  reset(): Promise<void>;
}

/** A router with two origins, and the command that knows where it is. */
export async function startCliScene(): Promise<CliScene> {
  const scene = await startScene({ names: ["app-1", "app-2"] });
  const env = { LIMPET_URL: scene.url, LIMPET_TOKEN: adminToken };
  return {
    scene,
    env,
    limpet: (...words) => run(process.execPath, [main, ...words], { env }),
    async sessions(many) {
      for (let n = 0; n < many; n++) await scene.client().get("/");
      return scene.admin.sessions();
    },
    async reset() {
      await scene.admin.request("/api/sessions?pool=default", { method: "DELETE" });
      for (const { name } of scene.origins) {
        await scene.admin.request(`/api/pools/default/origins/${name}`, {
          method: "PATCH",
          body: '{ "state": null, "weight": null }',
        });
      }
    },
  };
}

/** Cells of the rows below the headings; two blanks or more stand between cells. */
export function cells(text: string): string[][] {
  return text
    .trimEnd()
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/ {2,}/));
}
