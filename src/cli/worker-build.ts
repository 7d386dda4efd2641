import { readFileSync } from "node:fs";

import type { BuildOptions, Plugin } from "esbuild";

/**
 * How esbuild makes a Worker of the sources, wherever that is done: as a deploy does. Without
 * `assets`, what the dashboard's pages load is empty.
 */
export function workerBuild(assets = true) {
  return {
    bundle: true,
    format: "esm",
    target: "es2024",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    // The text modules of a deploy: files that wrangler's default rules import as strings.
    loader: { ".txt": "text", ".html": "text", ".sql": "text" },
    plugins: [assetText(assets)],
    logLevel: "silent",
  } satisfies BuildOptions;
}

/** The Text rule of wrangler.toml: what the dashboard's pages load. */
function assetText(assets: boolean): Plugin {
  return {
    name: "assets",
    setup({ onLoad }) {
      onLoad({ filter: /\.(min\.js|client\.js|css|svg)$/ }, ({ path }) => ({
        contents: assets ? readFileSync(path) : "",
        loader: "text",
      }));
    },
  };
}
