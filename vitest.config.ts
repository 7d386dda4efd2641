import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";
import type { Plugin } from "vitest/config";

// Secrets that wrangler.toml requires; every test that needs others gives its own.
process.env["AFFINITY_SECRET"] ??= "only-for-tests-0123456789abcdef0123456789";
process.env["ADMIN_TOKEN"] ??= "only-for-tests-admin-token";

/** Imports with { type: "text" }, which Vite does not know. */
const texts: Plugin = {
  name: "texts",
  enforce: "pre",
  load: {
    filter: { id: /\.(min\.js|client\.js|css|svg)$/ },
    handler: (id) => `export default ${JSON.stringify(readFileSync(id, "utf8"))};`,
  },
};

export default defineConfig({
  test: {
    projects: [
      {
        plugins: [
          texts,
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              kvNamespaces: ["SESSIONS_KV"],
              bindings: {
                AFFINITY_SECRET: "only-for-tests-0123456789abcdef0123456789",
                ADMIN_TOKEN: "only-for-tests-admin-token",
                // How many inputs test/unit/fuzz tries; empty: as many as a quick run needs.
                FUZZ_RUNS: process.env["FUZZ_RUNS"] ?? "",
              },
            },
          }),
        ],
        test: {
          name: "workerd",
          include: ["test/unit/**/*.test.ts"],
          exclude: ["**/*.node.test.ts"],
        },
      },
      {
        test: {
          name: "end-to-end",
          // In the Workers runtime no time passes while a test computes.
          include: ["test/e2e/**/*.test.ts", "test/unit/**/*.node.test.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
          maxWorkers: 3,
        },
      },
    ],
  },
});
