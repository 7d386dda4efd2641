import type { Context } from "hono";
import type { Child } from "hono/jsx";

import { assetPaths, type AssetPaths } from "./assets.ts";

/** The frame of every page, and what a browser may do on it. */

interface Frame {
  readonly c: Context;
  /** The admin's path. */
  readonly path: string;
  readonly title: string;
  readonly scripts?: readonly (keyof AssetPaths)[];
  readonly status?: 200 | 401 | 429 | 500;
  readonly headers?: Readonly<Record<string, string>>;
  readonly children: Child;
}

export async function sendPage(frame: Frame): Promise<Response> {
  const { c, path, title, scripts = [], status = 200, headers = {}, children } = frame;
  const assets = await assetPaths();
  const from = (name: keyof AssetPaths) => `${path}/${assets[name]}`;
  const page = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <meta name="htmx-config" content={HTMX} />
        <title>{title}</title>
        <link rel="icon" href={from("icon.svg")} />
        {scripts.includes("uplot.js") ? <link rel="stylesheet" href={from("uplot.css")} /> : null}
        <link rel="stylesheet" href={from("dashboard.css")} />
        {scripts.map((name) => (
          <script src={from(name)} defer></script>
        ))}
      </head>
      <body>{children}</body>
    </html>
  );
  // A promise, if something in it has to be fetched first.
  const text: string | Promise<string> = page.toString();
  return c.html(`<!doctype html>${await text}`, status, {
    "Content-Security-Policy": policy(new URL(c.req.url).origin, path),
    // With "no-referrer" browsers send forms with `Origin: null`, which says nothing of where they are from.
    "Referrer-Policy": "same-origin",
    ...headers,
  });
}

/** No styles injected, no history of its own; what fails leaves the page as it is. */
const HTMX = JSON.stringify({
  includeIndicatorCSS: false,
  history: false,
  defaultTimeout: 15_000,
  noSwap: [204, "3xx", "4xx", "5xx"],
});

/** Scripts and styles from our folder only: what else this host serves is the application's. */
function policy(origin: string, path: string): string {
  const assets = `${origin}${path}/assets/`;
  return [
    "default-src 'none'",
    `script-src ${assets}`,
    `style-src ${assets}`,
    `img-src ${assets}`,
    `connect-src ${origin}${path}/`,
    `form-action ${origin}${path}/`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}
