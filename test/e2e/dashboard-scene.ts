import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { openPage, type Watched } from "../kit/browser.ts";
import { adminToken, type Scene } from "./scene.ts";

/** An operator with a browser. */

export async function logIn(
  browser: Browser,
  scene: Scene,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const watched = await openPage(browser, options);
  await watched.page.goto(`${scene.url}/__limpet/`);
  await watched.page.getByLabel("Admin token").fill(adminToken);
  await watched.page.getByRole("button", { name: "Log in" }).click();
  await watched.page.locator("#pools").waitFor();
  return watched;
}

/** The row of an origin. */
export function rowOf(page: Page, origin: string) {
  return page.locator(`tr[data-origin="${origin}"]`);
}

/** How many sessions the page says an origin has. */
export async function shownSessions(page: Page, origin: string): Promise<number> {
  const text = await rowOf(page, origin).locator(".count").innerText();
  return Number(/[\d,]+/.exec(text)?.[0].replace(",", ""));
}

/** The length of an origin's bar, in pixels. */
export async function barWidth(page: Page, origin: string): Promise<number> {
  const box = await rowOf(page, origin).locator("svg .fill").boundingBox();
  return box?.width ?? 0;
}

/** Opens the question of a button, and answers it. */
export async function answer(page: Page, button: string, verb: string): Promise<string> {
  await page.getByRole("button", { name: button, exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  const text = await dialog.innerText();
  await dialog.getByRole("button", { name: verb, exact: true }).click();
  await dialog.waitFor({ state: "hidden" });
  return text;
}
