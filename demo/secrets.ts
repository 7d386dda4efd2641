import { randomBytes } from "node:crypto";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import type { Secrets } from "./wrong-secrets.ts";

const DEV_VARS = join(import.meta.dirname, "../.dev.vars");

/** 32 random bytes, 43 characters. */
function randomSecret(): string {
  return randomBytes(32).toString("base64url");
}

/** The token is that of the environment, else of .dev.vars, where the command line looks for it, else a new one. */
export function readSecrets(): Secrets & { readonly tokenFrom: string } {
  const secret = affinitySecret();
  const set = process.env["ADMIN_TOKEN"];
  if (set) return { affinitySecret: secret, adminToken: set, tokenFrom: "from ADMIN_TOKEN" };
  const kept = parseEnv(devVars())["ADMIN_TOKEN"];
  if (kept) return { affinitySecret: secret, adminToken: kept, tokenFrom: "from .dev.vars" };
  return { affinitySecret: secret, adminToken: randomSecret(), tokenFrom: "this run only" };
}

/** The secret in .dev.vars, written there the first time: pins live only as long as it does. */
function affinitySecret(): string {
  const text = devVars();
  const known = parseEnv(text)["AFFINITY_SECRET"];
  if (known) return known;

  const secret = randomSecret();
  const newLine = text === "" || text.endsWith("\n") ? "" : "\n";
  appendFileSync(DEV_VARS, `${newLine}AFFINITY_SECRET=${secret}\n`, { mode: 0o600 });
  return secret;
}

function devVars(): string {
  return existsSync(DEV_VARS) ? readFileSync(DEV_VARS, "utf8") : "";
}
