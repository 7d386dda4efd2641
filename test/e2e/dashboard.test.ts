import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, test } from "vitest";
import { hasBrowser, noBrowserReason, openPage, startBrowser } from "../kit/browser.ts";
import { answer, barWidth, logIn, rowOf, shownSessions } from "./dashboard-scene.ts";
import { issued, rawRequest, startScene, type Scene } from "./scene.ts";

let browser: Browser;
let scene: Scene;
/** Pages of the test that runs. */
const opened: Awaited<ReturnType<typeof logIn>>[] = [];

const names = ["app-1", "app-2", "app-3"];
const LIVE_MS = 15_000;

async function operator() {
  const watched = await logIn(browser, scene);
  opened.push(watched);
  return watched.page;
}

async function visit(clients: number): Promise<void> {
  await Promise.all(Array.from({ length: clients }, () => scene.client().get("/")));
}

if (!hasBrowser) console.warn(`The dashboard's tests are skipped: ${noBrowserReason}.`);

describe.skipIf(!hasBrowser)("the dashboard", () => {
  beforeAll(async () => {
    browser = await startBrowser();
  });

  beforeEach(async () => {
    // A client that has made one request is not moved by a drain unless it comes back: leases are short.
    scene = await startScene({ names, pool: { sessions: { lease: "1s" } } });
  });

  afterEach(async ({ expect }) => {
    const pages = opened.splice(0);
    await Promise.all(pages.map(({ page }) => page.context().close()));
    await scene.stop();
    expect(pages.flatMap(({ complaints }) => complaints)).toEqual([]);
  });

  afterAll(() => browser.close());

  test("is behind a login, which a wrong token does not open", async ({ expect }) => {
    const { page } = await openPage(browser);
    await page.goto(`${scene.url}/__limpet/`);
    expect(await page.locator("#pools").count()).toBe(0);
    await page.getByLabel("Admin token").fill("not-the-admin-token");
    await page.getByRole("button", { name: "Log in" }).click();
    expect(await page.getByRole("alert").innerText()).toBe("This is not the admin token.");
    expect(await page.context().cookies()).toEqual([]);
    // Where the browser is now, gone to anew.
    await page.goto(page.url());
    expect(await page.getByLabel("Admin token").isVisible()).toBe(true);
    await page.context().close();
  });

  test("opens to the token, keeps it open over a reload, and closes on logging out", async ({
    expect,
  }) => {
    const page = await operator();
    expect(await page.getByRole("heading", { name: "default" }).isVisible()).toBe(true);
    await page.reload();
    expect(await page.locator("#pools").count()).toBe(1);
    const [cookie] = await page.context().cookies();
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict", path: "/__limpet" });
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByLabel("Admin token").waitFor();
    expect(await page.context().cookies()).toEqual([]);
  });

  test("never shows the login to an origin", async ({ expect }) => {
    const page = await operator();
    await page.goto(`${scene.url}/`);
    const seen = scene.origins.flatMap((origin) => origin.requests);
    expect(seen.length).toBeGreaterThan(0);
    expect(JSON.stringify(seen)).not.toContain("limpet-admin");
  });

  test("shows sessions as clients come", async ({ expect }) => {
    const page = await operator();
    expect(await shownSessions(page, "app-1")).toBe(0);
    await visit(30);
    const all = async () => {
      const counts = await Promise.all(names.map((name) => shownSessions(page, name)));
      return counts.reduce((sum, count) => sum + count, 0);
    };
    await expect.poll(all, { timeout: LIVE_MS }).toBe(30);
    await expect.poll(() => page.locator("#sessions tbody tr").count()).toBe(15);
    await page.getByRole("button", { name: "Next page" }).click();
    await expect.poll(() => page.locator("#sessions tbody tr").count()).toBe(15);
  });

  test("drains an origin: says how many will move, and the bar falls", async ({ expect }) => {
    const clients = Array.from({ length: 12 }, () => scene.client());
    await Promise.all(clients.map((client) => client.get("/")));
    const page = await operator();
    const before = await shownSessions(page, "app-2");
    expect(before).toBeGreaterThan(0);
    const width = await barWidth(page, "app-2");
    await page.getByRole("button", { name: "Drain app-2" }).click();
    await page.getByRole("textbox", { name: "Deadline" }).fill("3s");
    const dialog = page.getByRole("dialog");
    expect(await dialog.innerText()).toContain(`${before} session`);
    await dialog.getByRole("button", { name: "Drain" }).click();
    await rowOf(page, "app-2").getByText("draining").waitFor();
    expect(await rowOf(page, "app-2").getByRole("progressbar").count()).toBe(1);
    await page.getByText(/those still here move in/).waitFor();
    await expect
      .poll(
        async () => {
          await Promise.all(clients.map((client) => client.get("/")));
          return shownSessions(page, "app-2");
        },
        { timeout: LIVE_MS, interval: 500 },
      )
      .toBe(0);
    await expect.poll(() => barWidth(page, "app-2"), { timeout: LIVE_MS }).toBeLessThan(width / 4);
    await answer(page, "Undo drain app-2", "Undo drain");
    await rowOf(page, "app-2").getByText("active").waitFor();
    await page.locator("#events").getByText("state changed").first().waitFor();
  });

  test("disables and enables, and changes a weight; a wrong one is told in the question", async ({
    expect,
  }) => {
    const page = await operator();
    await answer(page, "Disable app-3", "Disable");
    await rowOf(page, "app-3").getByText("disabled").waitFor();
    await answer(page, "Enable app-3", "Enable");
    await rowOf(page, "app-3").getByText("active").waitFor();
    await page.getByRole("button", { name: "Weight of app-1" }).click();
    await page.getByLabel("Weight, 0 to 1000").fill("7");
    await page.getByRole("button", { name: "Set weight" }).click();
    await rowOf(page, "app-1")
      .getByRole("button", { name: "Weight of app-1" })
      .getByText("7")
      .waitFor();
    // A weight of 0 drains as well, and undoing that gives it its weight back.
    await page.getByRole("button", { name: "Weight of app-2" }).click();
    await page.getByLabel("Weight, 0 to 1000").fill("0");
    await page.getByRole("button", { name: "Set weight" }).click();
    await rowOf(page, "app-2").getByText("draining").waitFor();
    await answer(page, "Undo drain app-2", "Undo drain");
    await rowOf(page, "app-2").getByText("active").waitFor();
    await page.getByRole("button", { name: "Weight of app-2: 1" }).waitFor();
    await page.getByRole("button", { name: "Drain app-1" }).click();
    await page.getByRole("textbox", { name: "Deadline" }).fill("soon");
    await page.getByRole("dialog").getByRole("button", { name: "Drain" }).click();
    await page
      .getByRole("alert")
      .getByText(/a duration from 1s to 365d/)
      .waitFor();
    await page.keyboard.press("Escape");
    expect(await rowOf(page, "app-1").getByText("draining").count()).toBe(0);
  });

  test("changes nothing when somebody else was faster", async ({ expect }) => {
    const page = await operator();
    await page.getByRole("button", { name: "Drain app-1" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.waitFor();
    const body = JSON.stringify({ state: "disabled" });
    await scene.admin.request("/api/pools/default/origins/app-1", { method: "PATCH", body });
    await dialog.getByRole("button", { name: "Drain" }).click();
    await dialog.getByText("Somebody else has changed app-1 meanwhile").waitFor();
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await rowOf(page, "app-1").getByText("disabled").waitFor();
    expect(await rowOf(page, "app-1").getByText("draining").count()).toBe(0);
  });

  test("moves a session, whose client follows", async ({ expect }) => {
    const client = scene.client();
    const first = await client.get("/");
    const [row] = await scene.admin.sessions();
    const target = names.find((name) => name !== row?.origin) ?? "";
    expect(first.status).toBe(200);
    const page = await operator();
    await page.getByRole("button", { name: `Move session ${row?.id}` }).click();
    await page.getByRole("combobox", { name: "To", exact: true }).selectOption(target);
    await page.getByRole("dialog").getByRole("button", { name: "Move" }).click();
    await page.getByText(`Session moved to ${target}`).waitFor();
    await page.locator("#sessions").getByRole("cell", { name: target }).waitFor();
    const origin = scene.origins.find(({ name }) => name === target);
    origin?.clear();
    await expect
      .poll(async () => {
        await client.get("/");
        return origin?.requests.length;
      })
      .toBeGreaterThan(0);
  });

  test("finds a session by its cookie, and releases it", async ({ expect }) => {
    await visit(5);
    const cookie = issued(await rawRequest(scene.url, "GET /"));
    const page = await operator();
    await page.getByLabel("Find a session").fill(`affinity=${cookie}`);
    await page.getByRole("button", { name: "Find", exact: true }).click();
    await page.getByText("1 found.").waitFor();
    const id = await page.locator("#sessions tbody code").innerText();
    expect(page.url()).not.toContain(cookie);
    await answer(page, `Release session ${id}`, "Release");
    await page.getByText("No session: it is unknown here").waitFor();
    expect((await scene.admin.sessions()).map((row) => row.id)).not.toContain(id);
    await page.getByRole("button", { name: "Back to all sessions" }).click();
    await expect.poll(() => page.locator("#sessions tbody tr").count()).toBe(5);
  });

  test("filters by origin, also while the list renews itself", async ({ expect }) => {
    await visit(9);
    const page = await operator();
    await page.locator("#filter").getByRole("combobox", { name: "Origin" }).selectOption("app-1");
    await expect.poll(() => page.locator("#sessions tbody tr").count()).toBe(3);
    const polled = page.waitForResponse((reply) => reply.url().includes("/ui/sessions?"));
    await polled;
    expect(
      new Set(await page.locator('#sessions td[data-label="Origin"]').allInnerTexts()),
    ).toEqual(new Set(["app-1"]));
  });

  test("explains a request", async ({ expect }) => {
    const answered = await rawRequest(scene.url, "GET /");
    const page = await operator();
    await page.getByLabel("URL").fill(`${scene.url}/cart`);
    await page.getByLabel("Headers, one per line").fill(`Cookie: affinity=${issued(answered)}`);
    await page.getByRole("button", { name: "Explain" }).click();
    const result = page.locator("#explained");
    await result.getByText("hit").first().waitFor();
    const [row] = await scene.admin.sessions();
    expect(await result.locator(".verdict").innerText()).toContain(row?.origin);
    expect(await result.locator("table").first().innerText()).toContain("cookie");
  });

  test("keeps focus, scroll and an open question while it renews itself", async ({ expect }) => {
    await visit(20);
    const page = await operator();
    await page.getByRole("button", { name: "Disable app-2" }).focus();
    await page.evaluate("scrollTo(0, 300)");
    for (let n = 0; n < 2; n++) {
      await page.waitForResponse((reply) => reply.url().endsWith("/ui/pools"));
    }
    const focused = await page.evaluate("document.activeElement.getAttribute('aria-label')");
    expect(focused).toBe("Disable app-2");
    expect(await page.evaluate("scrollY")).toBe(300);
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.waitForResponse((reply) => reply.url().endsWith("/ui/pools"));
    expect(await page.getByRole("dialog").isVisible()).toBe(true);
  });

  test("says so when the router is gone or the login has ended", async ({ expect }) => {
    const watched = await logIn(browser, scene);
    const { page } = watched;
    await page.context().clearCookies();
    await page.getByText("logged out").waitFor({ timeout: LIVE_MS });
    expect(await page.getByRole("link", { name: "Log in" }).isVisible()).toBe(true);
    expect(await rowOf(page, "app-1").count()).toBe(1);
    await page.context().close();
  });
});
