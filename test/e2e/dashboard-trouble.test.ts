import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, test } from "vitest";
import { hasBrowser, startBrowser, type Watched } from "../kit/browser.ts";
import { answer, logIn, rowOf } from "./dashboard-scene.ts";
import { adminToken, poolOf, secret, startScene, type Scene } from "./scene.ts";

let browser: Browser;
let scene: Scene;
let watched: Watched;
let page: Page;

const LIVE_MS = 15_000;

/** Opens the question of a button and says yes, without waiting for what becomes of it. */
async function confirm(button: string, verb: string): Promise<void> {
  await page.getByRole("button", { name: button, exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: verb, exact: true }).click();
}

describe.skipIf(!hasBrowser)("the dashboard in trouble", () => {
  beforeAll(async () => {
    browser = await startBrowser();
  });

  beforeEach(async () => {
    scene = await startScene({
      names: ["app-1", "app-2"],
      vars: (origins) => ({
        POOLS: [
          poolOf(origins, { name: "shop", match: ["127.0.0.1/*"] }),
          poolOf(origins, { name: "api", match: ["api.example.com/*"] }),
        ],
      }),
    });
    for (let n = 0; n < 6; n++) await scene.client().get("/");
    watched = await logIn(browser, scene);
    ({ page } = watched);
  });

  afterEach(async ({ expect }) => {
    await page.context().close();
    await scene.stop();
    // The browser itself reports every answer that is an error, htmx every one that does not come.
    const own = watched.complaints.filter((text) => !/Failed to (load resource|fetch)/.test(text));
    expect(own).toEqual([]);
  });

  afterAll(() => browser.close());

  test("tells which pool an origin is of where several have one of its name", async ({
    expect,
  }) => {
    const text = await answer(page, "Disable app-2 in api", "Disable");
    expect(text).toContain("Disable app-2 in api?");
    const { pools } = await scene.admin.get<{ pools: { origins: { state: string }[] }[] }>(
      "/api/pools",
    );
    expect(pools.map(({ origins }) => origins.map(({ state }) => state))).toEqual([
      ["active", "active"],
      ["active", "disabled"],
    ]);
  });

  test("releases nothing when somebody else has changed the origin meanwhile", async ({
    expect,
  }) => {
    await page.getByRole("button", { name: "Release app-1 in shop" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.waitFor();
    const body = JSON.stringify({ weight: 5 });
    await scene.admin.request("/api/pools/shop/origins/app-1", { method: "PATCH", body });
    await dialog.getByRole("button", { name: "Release" }).click();
    await dialog.getByText("Somebody else has changed app-1 meanwhile").waitFor();
    expect(await scene.admin.sessions("&origin=app-1")).toHaveLength(3);
  });

  test("says in the question that nothing was done when the login has ended", async ({
    expect,
  }) => {
    await page.getByRole("button", { name: "Drain app-1 in shop" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.waitFor();
    await page.context().clearCookies();
    await dialog.getByRole("button", { name: "Drain", exact: true }).click();
    await dialog.getByRole("alert").getByText("Not done: you are logged out").waitFor();
    expect(await scene.admin.get("/api/events")).toMatchObject({ events: [] });
  });

  test("says that a search or a change has had no answer", async () => {
    await scene.router.kill9();
    await page.getByLabel("Find a session").fill("some-id");
    await page.getByRole("button", { name: "Find" }).click();
    await page.locator("#notice").getByText("No answer").waitFor();
    await scene.router.restart();
    await page.locator("#pulse").getByText("live").waitFor({ timeout: LIVE_MS });
    await page.getByRole("button", { name: "Drain app-1 in shop" }).click();
    await page.getByRole("dialog").waitFor();
    await scene.router.kill9();
    await page.getByRole("dialog").getByRole("button", { name: "Drain", exact: true }).click();
    await page.getByRole("alert").getByText("No answer").waitFor();
    await scene.router.restart();
  });

  test("says that the configuration is wrong, that the admin is gone, and that all is well again", async ({
    expect,
  }) => {
    const pulse = page.locator("#pulse");
    const good = { POOLS: [poolOf(scene.origins, { name: "shop" })] };
    await scene.router.restart({ vars: { ORIGINS: ["no URL"] } });
    await pulse.getByText("the configuration is wrong").waitFor({ timeout: LIVE_MS });
    await scene.router.restart({ vars: good, secrets: { AFFINITY_SECRET: secret } });
    await pulse.getByText("the admin is not here any more").waitFor({ timeout: LIVE_MS });
    const secrets = { AFFINITY_SECRET: secret, ADMIN_TOKEN: adminToken };
    await scene.router.restart({ vars: good, secrets });
    await pulse.getByText("live", { exact: true }).waitFor({ timeout: LIVE_MS });
    expect(await rowOf(page, "app-1").count()).toBe(1);
  });

  test("says that an origin to be changed is not there any more", async () => {
    // A page that nobody has renewed yet still has the buttons of a pool that went.
    await page.route("**/ui/pools", (route) => route.abort());
    await scene.router.restart({ vars: { POOLS: [poolOf(scene.origins, { name: "shop" })] } });
    await page.getByRole("button", { name: "Drain app-1 in api" }).click();
    await page.locator("#notice").getByText("not there any more").waitFor();
  });

  test("has one clock: its charts and events are in UTC", async ({ expect }) => {
    expect(await page.getByRole("heading", { name: "Last hour" }).innerText()).toContain("UTC");
    await confirm("Disable app-1 in shop", "Disable");
    const shown = await page.locator("#events time").first().innerText();
    expect(new Date().toISOString().slice(11, 15)).toBe(shown.slice(0, 4));
  });
});
