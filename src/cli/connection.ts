import { existsSync, readFileSync } from "node:fs";
import { parseEnv } from "node:util";

import { DEFAULT_ADMIN_PATH } from "../config/admin.ts";
import type { Problem } from "../model.ts";
import { Failure } from "./failure.ts";
import { problemList } from "./table.ts";

/** The router's admin API, as the commands call it. */

export interface RemoteOptions {
  readonly url?: string;
  readonly token?: string;
}

export interface Connection {
  /** Up to and with the admin path, without a trailing slash. */
  readonly base: string;
  readonly token: string;
}

const TIMEOUT_MS = 30_000;

export function connect(options: RemoteOptions): Connection {
  return { base: baseOf(options.url), token: tokenOf(options.token) };
}

function baseOf(option: string | undefined): string {
  const given = option ?? process.env["LIMPET_URL"];
  if (!given) throw new Failure(2, "where is the router? Give --url, or set LIMPET_URL");
  const url = URL.canParse(given) ? new URL(given) : null;
  const isPlain = url !== null && url.username + url.password + url.search + url.hash === "";
  if (!isPlain || !/^https?:$/.test(url.protocol)) {
    const what = option === undefined ? "LIMPET_URL" : "--url";
    const shown = given.replace(/\/\/[^/\s]*@/, "//(hidden)@");
    throw new Failure(2, `${what} is "${shown}"; it must be like https://shop.example.com`);
  }
  const path = url.pathname.replace(/\/+$/, "");
  return `${url.origin}${path === "" ? DEFAULT_ADMIN_PATH : path}`;
}

function tokenOf(option: string | undefined): string {
  const given = option?.trim() ?? process.env["LIMPET_TOKEN"] ?? tokenInDevVars();
  if (!given) {
    throw new Failure(2, "no admin token: set LIMPET_TOKEN, or run this where .dev.vars is");
  }
  if (!/^[!-~]+$/.test(given)) throw new Failure(2, "the admin token has characters that none has");
  return given;
}

function tokenInDevVars(): string | undefined {
  return existsSync(".dev.vars")
    ? parseEnv(readFileSync(".dev.vars", "utf8"))["ADMIN_TOKEN"]
    : undefined;
}

interface Refusal {
  readonly code: string;
  readonly title: string;
  readonly detail?: string;
  readonly problems?: readonly Problem[];
}

export interface Call {
  readonly method?: "GET" | "POST" | "PATCH" | "DELETE";
  readonly body?: object;
  /** A field that the answer must have, as JSON of another application has not; null: any. */
  readonly has: string | null;
}

/** Null where the router knows no such thing; anything else that is no success is a Failure. */
export async function call<T>(
  { base, token }: Connection,
  path: string,
  { method = "GET", body, has }: Call,
): Promise<T | null> {
  const answer = await send(`${base}${path}`, {
    method,
    redirect: "manual",
    headers: { authorization: `Bearer ${token}`, accept: "application/json" },
    signal: AbortSignal.timeout(TIMEOUT_MS),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const { status, type, json } = answer;
  if (answer.ok && json !== null && (has === null || has in json)) return json as T;
  if (answer.ok || !type.startsWith("application/problem+json") || json === null) {
    throw new Failure(3, `${base} is no Limpet's admin API: it answers ${status} ${type}`.trim());
  }
  return refused(base, status, json as Refusal);
}

async function send(url: string, init: RequestInit) {
  try {
    const answer = await fetch(url, init);
    const type = answer.headers.get("content-type") ?? "";
    const text = await answer.text();
    return { status: answer.status, ok: answer.ok, type, json: objectIn(text) };
  } catch (error) {
    throw new Failure(3, `${new URL(url).origin} can't be reached: ${causeOf(error)}`);
  }
}

function objectIn(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}

function causeOf(error: unknown): string {
  const { name, message, cause } = error as Error & { readonly cause?: NodeJS.ErrnoException };
  if (name === "TimeoutError") return `no answer within ${TIMEOUT_MS / 1000} s`;
  return cause?.code ?? cause?.message ?? message;
}

function refused(base: string, status: number, refusal: Refusal): null {
  const { code, title, detail = title, problems = [] } = refusal;
  if (code === "not_found") return null;
  if (code === "unauthorized") throw new Failure(1, `${base} refuses the admin token`);
  if (code === "misconfigured") {
    throw new Failure(1, `the router's configuration is wrong:${problemList(problems)}`);
  }
  if (status === 503) throw new Failure(3, `the router can't answer now: ${detail}`);
  throw new Failure(1, detail);
}
