import { InvalidArgumentError, type Command } from "commander";

import type { OriginView, PoolView } from "../../admin/schemas.ts";
import { call, type Connection } from "../connection.ts";
import { Failure } from "../failure.ts";
import { confirm, print, printJson } from "../output.ts";
import { count, fromNow, table, type Cell } from "../table.ts";
import { connect, destructive, findPool, listPools, remote, type Remote } from "./remote.ts";
import { watchDrain } from "./watch.ts";

interface DrainOptions extends Remote {
  readonly deadline?: string;
  readonly watch?: boolean;
}

export function addPoolCommands(program: Command): void {
  remote(program.command("pools"))
    .description("pools and their origins: state, health, sessions")
    .argument("[pool]", "only this one")
    .action(async (pool: string | undefined, options: Remote) => {
      const connection = connect(options);
      if (pool === undefined) {
        const pools = await listPools(connection);
        return options.json ? printJson({ pools }) : print(poolTable(pools));
      }
      const found = await findPool(connection, pool);
      return options.json ? printJson(found) : print(poolTable([found]));
    });

  remote(onOrigin(program.command("drain")))
    .description("no new sessions; those that are there stay until they end, or the deadline")
    .option("--deadline <duration>", 'such as "5m", or "none"; default: as configured')
    .option("--watch", "wait until the drain has ended")
    .action(async (pool: string, origin: string, options: DrainOptions) => {
      const connection = connect(options);
      const { deadline } = options;
      await findPool(connection, pool, origin);
      const change = { state: "draining", ...(deadline === undefined ? {} : { deadline }) };
      const changed = await changeOrigin(connection, pool, origin, change);
      const json = options.json === true;
      // With --watch the JSON is that of the end: one document, not two.
      if (!json || !options.watch) show(pool, changed, options);
      if (options.watch) await watchDrain(connection, pool, changed, json);
    });

  for (const [name, does] of [
    ["undrain", "ends a drain"],
    ["enable", "takes an origin back that was disabled"],
  ] as const) {
    remote(onOrigin(program.command(name)))
      .description(`${does}: what the configuration says, or active if that says otherwise`)
      .action(async (pool: string, origin: string, options: Remote) => {
        const connection = connect(options);
        await findPool(connection, pool, origin);
        const configured = await changeOrigin(connection, pool, origin, { state: null });
        const isActive = configured.state === "active" || configured.weight === 0;
        const changed = isActive
          ? configured
          : await changeOrigin(connection, pool, origin, { state: "active" });
        show(pool, changed, options);
      });
  }

  destructive(onOrigin(program.command("disable")))
    .description("no more requests; its sessions move with their next one")
    .action(async (pool: string, origin: string, options: Remote) => {
      const connection = connect(options);
      const { origins } = await findPool(connection, pool, origin);
      const sessions = origins.find(({ name }) => name === origin)?.sessions ?? 0;
      await confirm(`Disable ${origin}? It has ${count(sessions, "session")}.`, options);
      show(pool, await changeOrigin(connection, pool, origin, { state: "disabled" }), options);
    });

  remote(onOrigin(program.command("weight")))
    .description("the origin's share of new sessions")
    .argument("<weight>", '0 (drains) to 1000, or "configured"', readWeight)
    .action(async (pool: string, origin: string, weight: number | null, options: Remote) => {
      const connection = connect(options);
      await findPool(connection, pool, origin);
      show(pool, await changeOrigin(connection, pool, origin, { weight }), options);
    });
}

function onOrigin(command: Command): Command {
  return command.argument("<pool>").argument("<origin>");
}

function readWeight(given: string): number | null {
  if (given === "configured") return null;
  if (/^\d{1,4}$/.test(given) && Number(given) <= 1000) return Number(given);
  throw new InvalidArgumentError('It must be a whole number from 0 to 1000, or "configured".');
}

async function changeOrigin(
  connection: Connection,
  pool: string,
  origin: string,
  change: object,
): Promise<OriginView> {
  const path = `/api/pools/${encodeURIComponent(pool)}/origins/${encodeURIComponent(origin)}`;
  const call_ = { method: "PATCH", body: change, has: "state" } as const;
  const changed = await call<OriginView>(connection, path, call_);
  if (changed === null) throw new Failure(1, `${origin} is gone from pool ${pool}`);
  return changed;
}

function show(pool: string, origin: OriginView, { json }: Remote): void {
  if (json) printJson(origin);
  else print(poolTable([{ name: pool, origins: [origin] }]));
}

const HEADINGS = ["POOL", "ORIGIN", "STATE", "HEALTH", "WEIGHT", "TIER", "SESSIONS", "DRAIN"];

function poolTable(pools: readonly PoolView[]): string {
  const now = Date.now();
  const rows = pools.flatMap(({ name: pool, origins }) =>
    origins.map(({ name, state, health, weight, tier, sessions, drain }): Cell[] => {
      const ends = drain === null ? "" : (drain.deadline ?? "none");
      const left = ends === "none" ? "until the last one ends" : ends && fromNow(ends, now);
      const drains = drain === null ? "" : `${count(drain.sessions, "session")} left, ${left}`;
      return [pool, name, state, health, weight, tier, sessions, drains];
    }),
  );
  return table(HEADINGS, rows);
}
