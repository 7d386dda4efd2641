import type { Command } from "commander";

import type { PoolView } from "../../admin/schemas.ts";
import { call, connect, type Connection, type RemoteOptions } from "../connection.ts";
import { Failure } from "../failure.ts";

export interface Remote extends RemoteOptions {
  readonly json?: boolean;
  readonly yes?: boolean;
}

/** The options of every command that talks to a router. */
export function remote(command: Command): Command {
  return command
    .option("--url <url>", "the router; its admin path, if not /__limpet, with it (LIMPET_URL)")
    .option("--token <token>", "the admin token; others see it here: better set LIMPET_TOKEN")
    .option("--json", "print what the admin API answers");
}

export function destructive(command: Command): Command {
  return remote(command).option("-y, --yes", "don't ask");
}

export { connect };

export async function listPools(connection: Connection): Promise<readonly PoolView[]> {
  const answer = await call<{ pools: PoolView[] }>(connection, "/api/pools", { has: "pools" });
  if (answer === null) throw noAdmin(connection);
  return answer.pools;
}

/** Without ADMIN_TOKEN there are no admin routes at all: every one of them is 404. */
export function noAdmin({ base }: Connection): Failure {
  return new Failure(3, `${base} has no such admin route: no ADMIN_TOKEN, or an older router`);
}

/** Says which name of a pool, or of one of its origins, is the wrong one. */
export async function findPool(
  connection: Connection,
  pool: string,
  origin?: string,
): Promise<PoolView> {
  const pools = await listPools(connection);
  const found = pools.find(({ name }) => name === pool);
  if (found === undefined) throw unknown(`pool "${pool}"`, pools);
  if (origin !== undefined && !found.origins.some(({ name }) => name === origin)) {
    throw unknown(`origin "${origin}" in pool "${pool}"`, found.origins);
  }
  return found;
}

export function unknown(what: string, known: readonly { readonly name: string }[]): Failure {
  return new Failure(1, `there is no ${what}, but: ${known.map(({ name }) => name).join(", ")}`);
}
