import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, test } from "vitest";
import { hasBrowser, startBrowser, type Watched } from "../kit/browser.ts";
import { logIn, rowOf } from "./dashboard-scene.ts";
import { startScene, type Scene } from "./scene.ts";

const ORIGINS = 300;

let browser: Browser;
let scene: Scene;
let watched: Watched;
let page: Page;

describe.skipIf(!hasBrowser)("the dashboard of a large pool", () => {
  beforeAll(async () => {
    browser = await startBrowser();
    scene = await startScene({
      names: ["app"],
      vars: ([app]) => ({
        POOLS: [
          {
            name: "default",
            origins: Array.from({ length: ORIGINS }, (_, at) => ({
              name: `app-${at + 1}`,
              url: `${app?.url}/${at + 1}`,
            })),
          },
        ],
      }),
    });
    // Twenty of the origins get two sessions each, all others one.
    for (let n = 0; n < ORIGINS + 20; n++) await scene.client().get("/");
    watched = await logIn(browser, scene, { viewport: { width: 1280, height: 900 } });
    ({ page } = watched);
  });

  afterAll(async () => {
    await browser.close();
    await scene.stop();
  });

  test("keeps what follows the pool within reach", async ({ expect }) => {
    expect(await page.locator("tr[data-origin]").count()).toBe(ORIGINS);
    const top = await page.getByRole("heading", { name: "Sessions" }).boundingBox();
    expect(top?.y).toBeLessThan(1_600);
  });

  test("scrolls within the pool, and stays there while it renews itself", async ({ expect }) => {
    const box = page.getByRole("region", { name: "Origins of pool default" });
    await rowOf(page, "app-250").scrollIntoViewIfNeeded();
    const before = await box.evaluate((element) => element.scrollTop);
    expect(before).toBeGreaterThan(1_000);
    await page.waitForResponse((reply) => reply.url().endsWith("/ui/pools"));
    expect(await box.evaluate((element) => element.scrollTop)).toBe(before);
  });

  test("draws the origins with most sessions, and the mean of the others", async ({ expect }) => {
    const items = page.locator('figure[data-chart="sessions"] .legend li');
    await items.first().waitFor();
    expect(await items.count()).toBe(8);
    expect(await items.last().innerText()).toBe(`${ORIGINS - 7} others, average 1`);
    expect(watched.complaints).toEqual([]);
  });
});
