import { randomBytes } from "node:crypto";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseEnv } from "node:util";

const DEV_VARS = fileURLToPath(new URL("../.dev.vars", import.meta.url));

/** 32 random bytes, 43 characters. */
function randomSecret(): string {
  return randomBytes(32).toString("base64url");
}

export interface Secrets {
  readonly affinitySecret: string;
  readonly adminToken: string;
}

export function readSecrets(): Secrets {
  return { affinitySecret: affinitySecret(), adminToken: adminToken() };
}

/** The token in the environment, else in .dev.vars, where the command line looks for it, else a new one. */
function adminToken(): string {
  return process.env["ADMIN_TOKEN"] || parseEnv(devVars())["ADMIN_TOKEN"] || randomSecret();
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
