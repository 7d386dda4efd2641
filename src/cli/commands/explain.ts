import { InvalidArgumentError, type Command } from "commander";

import type { Explanation, Forecast, Move } from "../../admin/schemas.ts";
import { poolsGiven } from "../../config/config.ts";
import { call, type Connection } from "../connection.ts";
import { readSection } from "../check-config.ts";
import { Failure } from "../failure.ts";
import { note, print, printJson } from "../output.ts";
import { count, fields, problemList, table } from "../table.ts";
import { connect, noAdmin, remote, type Remote } from "./remote.ts";

interface ExplainOptions extends Remote {
  readonly header: readonly (readonly [string, string])[];
  readonly method: string;
  readonly ip?: string;
}

export function addForecastCommands(program: Command): void {
  remote(program.command("explain"))
    .description("what would become of a request, and why; changes nothing")
    .argument("<url>", "as the client would send it")
    .option("-H, --header <line>", "'Name: value', as often as needed", readHeader, [])
    .option("-X, --method <method>", "of the request", "GET")
    .option("--ip <address>", "of the client")
    .action(async (url: string, { header, method, ip, ...options }: ExplainOptions) => {
      if (!URL.canParse(url) || !/^https?:/.test(url)) {
        throw new Failure(2, `"${url}" is no URL; it must be like https://shop.example.com/cart`);
      }
      const body = { url, method, headers: joined(header), ...(ip === undefined ? {} : { ip }) };
      const answer = await ask<Explanation>(connect(options), "/api/explain", body, "outcome");
      if (options.json) printJson(answer);
      else print(explanationText(answer));
    });

  remote(program.command("what-if"))
    .description("which sessions would move if this configuration were deployed; changes nothing")
    .argument("<wrangler.toml>", "with POOLS, or ORIGINS and AFFINITY")
    .option("--env <name>", "an environment of the file")
    .action(async (path: string, options: Remote & { readonly env?: string }) => {
      const { vars = {} } = readSection(path, options.env);
      const pools = poolsGiven(vars);
      if (pools === null) throw new Failure(2, "the file has neither POOLS nor ORIGINS");
      const answer = await ask<Forecast>(connect(options), "/api/what-if", { pools }, null);
      if ("problems" in answer) {
        if (options.json) printJson(answer);
        const { problems } = answer;
        throw new Failure(
          1,
          `${path}: ${count(problems.length, "problem")}${problemList(problems)}`,
        );
      }
      if (options.json) return printJson(answer);
      print(moveTable(answer.moves));
      if (!answer.exact) note("The numbers are estimated from a sample.");
    });
}

async function ask<T>(
  connection: Connection,
  path: string,
  body: object,
  has: string | null,
): Promise<T> {
  const how = { method: "POST", body, has } as const;
  const answer = await call<T>(connection, path, how);
  if (answer === null) throw noAdmin(connection);
  return answer;
}

function readHeader(
  line: string,
  before: readonly (readonly [string, string])[],
): readonly (readonly [string, string])[] {
  const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):\s*(.*)$/.exec(line) ?? [];
  if (name === undefined || value === undefined) {
    throw new InvalidArgumentError("It must be like 'Cookie: a=b'.");
  }
  return [...before, [name.toLowerCase(), value]];
}

/** Several lines of one name as the runtime joins them. */
function joined(lines: readonly (readonly [string, string])[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of lines) {
    const before = headers[name];
    const comma = name === "cookie" ? "; " : ", ";
    headers[name] = before === undefined ? value : `${before}${comma}${value}`;
  }
  return headers;
}

function explanationText(explanation: Explanation): string {
  const { pool, rules, candidates, chosen, outcome, reason } = explanation;
  const parts = [
    fields([
      ["pool", pool ?? "none"],
      ["origin", chosen ?? "none"],
      ["outcome", outcome],
      ["reason", reason],
    ]),
  ];
  if (rules.length > 0) {
    const rows = rules.map(({ by, name, pin, key, verdict, why }) => {
      return [name ? `${by}:${name}` : by, pin, key ?? "", verdict, why];
    });
    parts.push(table(["RULE", "PIN", "KEY", "VERDICT", "WHY"], rows));
  }
  if (candidates.length > 0) {
    const rows = candidates.map(({ origin, usable, why }) => [origin, usable ? "yes" : "no", why]);
    parts.push(table(["ORIGIN", "USABLE", "WHY"], rows));
  }
  return parts.join("\n");
}

function moveTable(moves: readonly Move[]): string {
  if (moves.length === 0) return "no session would move\n";
  const rows = moves.map(({ pool, from, to, sessions, reason }) => {
    return [pool, from, to ?? "none", sessions, reason];
  });
  return table(["POOL", "FROM", "TO", "SESSIONS", "REASON"], rows);
}
