import type { Hono } from "hono";
import htmx from "htmx.org/dist/htmx.min.js" with { type: "text" };
import uplot from "uplot/dist/uPlot.iife.min.js" with { type: "text" };
import uplotCss from "uplot/dist/uPlot.min.css" with { type: "text" };

import charts from "./charts.client.js" with { type: "text" };
import icon from "./icon.svg" with { type: "text" };
import live from "./live.client.js" with { type: "text" };
import base from "./styles/base.css" with { type: "text" };
import forms from "./styles/forms.css" with { type: "text" };
import frame from "./styles/frame.css" with { type: "text" };
import parts from "./styles/parts.css" with { type: "text" };
import phone from "./styles/phone.css" with { type: "text" };
import tables from "./styles/tables.css" with { type: "text" };

/**
 * What the browser loads beside the pages: texts in the bundle, under names that hold a hash of
 * their content, so that they may be kept for ever. They tell nothing about the deployment.
 */

const SOURCES = {
  "htmx.js": htmx,
  "uplot.js": uplot,
  "uplot.css": uplotCss,
  "charts.js": charts,
  "live.js": live,
  // In the order of the cascade.
  "dashboard.css": [base, frame, tables, forms, parts, phone].join("\n"),
  "icon.svg": icon,
} as const;

export type AssetName = keyof typeof SOURCES;

const TYPES: Readonly<Record<string, string>> = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

const FOREVER = "public, max-age=31536000, immutable";

/** The path of each asset from the admin's path on; made when first asked for. */
export type AssetPaths = Readonly<Record<AssetName, string>>;

let paths: Promise<AssetPaths> | null = null;

export function assetPaths(): Promise<AssetPaths> {
  paths ??= hashAll();
  return paths;
}

async function hashAll(): Promise<AssetPaths> {
  const names = Object.keys(SOURCES) as AssetName[];
  const entries = names.map(async (name) => {
    const bytes = new TextEncoder().encode(SOURCES[name]);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    const dot = name.lastIndexOf(".");
    const hash = digest.subarray(0, 6).toHex();
    return [name, `assets/${name.slice(0, dot)}.${hash}${name.slice(dot)}`] as const;
  });
  return Object.fromEntries(await Promise.all(entries)) as unknown as AssetPaths;
}

export function addAssets(app: Hono): void {
  app.get("/assets/:file", async (c, next) => {
    const wanted = `assets/${c.req.param("file")}`;
    const found = Object.entries(await assetPaths()).find(([, path]) => path === wanted);
    if (found === undefined) return next();
    const name = found[0] as AssetName;
    return c.body(SOURCES[name], 200, {
      "Content-Type": TYPES[name.slice(name.lastIndexOf(".") + 1)] ?? "text/plain",
      "Cache-Control": FOREVER,
    });
  });
}
