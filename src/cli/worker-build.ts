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
    plugins: assets ? [] : [noAssets],
    logLevel: "silent",
  } satisfies BuildOptions;
}

/** What the dashboard's pages load, left out. */
const noAssets: Plugin = {
  name: "no-assets",
  setup({ onLoad }) {
    onLoad({ filter: /\.(min\.js|client\.js|css|svg)$/ }, () => ({ contents: "", loader: "text" }));
    onLoad({ filter: /openapi\.json$/ }, () => ({ contents: "{}", loader: "json" }));
  },
};
