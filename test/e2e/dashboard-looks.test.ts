import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, test } from "vitest";
import { hasBrowser, openPage, startBrowser } from "../kit/browser.ts";
import { projectRoot } from "../kit/bundle.ts";
import { logIn } from "./dashboard-scene.ts";
import { startScene, type Scene } from "./scene.ts";

const axe = readFileSync(join(projectRoot, "node_modules/axe-core/axe.min.js"), "utf8");

let browser: Browser;
let scene: Scene;

/** What a checker of accessibility finds, one line each. */
async function findings(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return await page.evaluate<string[]>(
    `axe.run().then(({ violations }) => violations.flatMap(({ id, impact, nodes }) =>
      nodes.map(({ target }) => impact + " " + id + " " + target.join(" "))))`,
  );
}

async function overflow(page: Page): Promise<number> {
  return await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
}

const views = [
  { name: "a desk by day", colorScheme: "light", viewport: { width: 1280, height: 900 } },
  { name: "a desk by night", colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  { name: "a phone by day", colorScheme: "light", viewport: { width: 360, height: 740 } },
  { name: "a phone by night", colorScheme: "dark", viewport: { width: 360, height: 740 } },
] as const;

describe.skipIf(!hasBrowser)("the dashboard looks right", () => {
  beforeAll(async () => {
    scene = await startScene({
      // The longest names that people have.
      names: ["app-1", "app-2", "a-very-long-name-of-an-origin.eu-central-1.internal.example.com"],
    });
    for (let n = 0; n < 12; n++) await scene.client().get("/");
    const body = JSON.stringify({ state: "draining" });
    await scene.admin.request("/api/pools/default/origins/app-2", { method: "PATCH", body });
    browser = await startBrowser();
  });

  afterAll(async () => {
    await browser.close();
    await scene.stop();
  });

  test.for(views)("on $name", async ({ colorScheme, viewport }, { expect }) => {
    const { page, complaints } = await logIn(browser, scene, {
      colorScheme,
      viewport,
      reducedMotion: "reduce",
    });
    await page.locator(".legend li").first().waitFor();
    expect(await overflow(page)).toBeLessThanOrEqual(0);
    expect(await findings(page)).toEqual([]);
    await page.getByRole("button", { name: "Drain app-1" }).click();
    await page.getByRole("dialog").waitFor();
    expect(await overflow(page)).toBeLessThanOrEqual(0);
    expect(await findings(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test.for(views)("at its door, on $name", async ({ colorScheme, viewport }, { expect }) => {
    const { page, complaints } = await openPage(browser, { colorScheme, viewport });
    await page.goto(`${scene.url}/__limpet/`);
    expect(await overflow(page)).toBeLessThanOrEqual(0);
    expect(await findings(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("with the keyboard alone: every button can be reached, and is seen to be", async ({
    expect,
  }) => {
    const { page } = await logIn(browser, scene);
    const reached = new Set<string>();
    for (let n = 0; n < 60; n++) {
      await page.keyboard.press("Tab");
      const label = await page.evaluate<string>(
        `((focused) => focused === document.body ? "" :
          (focused.getAttribute("aria-label") ?? (focused.textContent || focused.id)).trim())(document.activeElement)`,
      );
      // After the last one it is the browser's own turn.
      if (label === "" || reached.has(label)) continue;
      reached.add(label);
      const outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle");
      expect([label, outline]).not.toEqual([label, "none"]);
    }
    for (const label of ["Drain app-1", "Undo drain app-2", "Release app-1", "Find", "Explain"]) {
      expect([...reached]).toContain(label);
    }
    await page.context().close();
  });
});
