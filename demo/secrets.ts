import { randomBytes } from "node:crypto";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseEnv } from "node:util";

const DEV_VARS = fileURLToPath(new URL("../.dev.vars", import.meta.url));

/** 32 random bytes, 43 characters. */
export function randomSecret(): string {
  return randomBytes(32).toString("base64url");
}

/** The secret in .dev.vars, written there the first time: pins live only as long as it does. */
export function affinitySecret(): string {
  const text = existsSync(DEV_VARS) ? readFileSync(DEV_VARS, "utf8") : "";
  const known = parseEnv(text)["AFFINITY_SECRET"];
  if (known) return known;

  const secret = randomSecret();
  const newLine = text === "" || text.endsWith("\n") ? "" : "\n";
  appendFileSync(DEV_VARS, `${newLine}AFFINITY_SECRET=${secret}\n`, { mode: 0o600 });
  return secret;
}
