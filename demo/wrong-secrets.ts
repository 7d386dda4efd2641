import { readConfig } from "../src/config/config.ts";

export interface Secrets {
  readonly affinitySecret: string;
  readonly adminToken: string;
}

/** What the router would have to say about these secrets, from the environment or .dev.vars; null: nothing. */
export function wrongSecrets(given: Secrets): string | null {
  const namespace = { getByName: () => null };
  const reading = readConfig({
    AFFINITY_SECRET: given.affinitySecret,
    ADMIN_TOKEN: given.adminToken,
    ORIGINS: ["http://127.0.0.1"],
    SESSION_MAP: namespace,
    POOL_STATE: namespace,
  });
  if (reading.ok) return null;
  const told = reading.problems.map(({ path, expected }) => `${path} must be ${expected}`);
  return `The router refuses what is in .dev.vars or in the environment:\n  ${told.join("\n  ")}`;
}
