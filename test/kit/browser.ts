import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";
import { projectRoot } from "./bundle.ts";

/** The browser in the package is built for this alone. */
export const hasBrowser = process.platform === "linux" && process.arch === "x64";

export const noBrowserReason = `no browser in npm for ${process.platform} ${process.arch}`;

const { version } = JSON.parse(
  readFileSync(join(projectRoot, "node_modules/@sparticuz/chromium/package.json"), "utf8"),
) as { readonly version: string };

/**
 * A real browser out of an npm package, with the libraries it brings along: the system needs none but
 * its C library. No switch weakens what tests rely on: web security and site isolation are as usual.
 */
export async function startBrowser(): Promise<Browser> {
  const folder = await unpacked();
  return await chromium.launch({
    executablePath: join(folder, "chromium"),
    args: ["--no-sandbox", "--no-zygote", "--disable-gpu", "--lang=en-US"],
    env: {
      ...(process.env as Record<string, string>),
      LD_LIBRARY_PATH: join(folder, "al2023/lib"),
      LANG: "en_US.UTF-8",
      LC_ALL: "en_US.UTF-8",
      FONTCONFIG_PATH: join(folder, "fonts"),
    },
  });
}

/** The folder with the browser; unpacked once per version of the package, some 200 MB. */
async function unpacked(): Promise<string> {
  const cache = join(projectRoot, "node_modules/.cache/limpet");
  const folder = join(cache, `chromium-${version}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const staging = mkdtempSync(join(cache, "unpacking-"));
  try {
    // The package unpacks into the temporary folder, and its libraries only where it runs in Lambda.
    const env = { ...process.env, TMPDIR: staging, AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x" };
    const script = 'await (await import("@sparticuz/chromium")).default.executablePath()';
    const run = promisify(execFile);
    await run(process.execPath, ["--input-type=module", "--eval", script], {
      env,
      cwd: projectRoot,
    });
    renameSync(staging, folder);
  } catch (error) {
    rmSync(staging, { recursive: true, force: true });
    // Another test process was faster.
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

/** A page, and everything that its browser complained about. */
export interface Watched {
  readonly page: Page;
  /** Errors and warnings of the console, uncaught errors, and what the content security policy blocked. */
  readonly complaints: readonly string[];
}

export async function openPage(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.exposeFunction("complain", (text: string) => complaints.push(text));
  await page.addInitScript(
    "addEventListener('securitypolicyviolation', (e) => complain(`${e.violatedDirective}: ${e.blockedURI}`))",
  );
  return { page, complaints };
}
