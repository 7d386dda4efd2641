import type { Context } from "hono";
import * as v from "valibot";

import type { Router } from "../../assembly/assemble.ts";
import type { Failure } from "../../outcome.ts";
import { explainAsked, explainBody } from "../routes/explain.ts";
import type { Explanation } from "../schemas.ts";

/** What would become of a request, to be read by people. */

/** From the form: its headers are lines as in a request. */
export async function explained(
  c: Context,
  router: Router,
): Promise<{ readonly value: Explanation } | Failure> {
  const form = await c.req.parseBody();
  const text = (name: string) => (typeof form[name] === "string" ? form[name].trim() : "");
  const headers = text("headers")
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
    });
  const ip = text("ip");
  const body = v.safeParse(explainBody, {
    url: text("url"),
    method: text("method"),
    headers,
    ...(ip === "" ? {} : { ip }),
  });
  if (!body.success) {
    return { code: "invalid_input", detail: body.issues.map(({ message }) => message).join("; ") };
  }
  const background = (work: Promise<unknown>) => c.executionCtx.waitUntil(work);
  return explainAsked({ router, body: body.output, request: c.req.raw, background });
}

export function Refused({ failure }: { failure: Failure }) {
  return (
    <p role="alert" class="bad">
      {"detail" in failure ? `Not possible: ${failure.detail}` : "This can't be explained now."}
    </p>
  );
}

export function Explained({ value }: { value: Explanation }) {
  const { pool, rules, candidates, chosen, outcome, reason } = value;
  return (
    <>
      <p class="verdict">
        <span class={`chip outcome-${outcome}`}>{outcome}</span>{" "}
        {chosen === null ? "No origin" : <strong>{chosen}</strong>}
        {pool === null ? null : <span class="quiet"> in pool {pool}</span>}
      </p>
      <p>{reason}</p>
      {rules.length === 0 ? null : <Rules rules={rules} />}
      {candidates.length === 0 ? null : <Candidates candidates={candidates} chosen={chosen} />}
    </>
  );
}

function Rules({ rules }: Pick<Explanation, "rules">) {
  return (
    <>
      <h3>Rules, in their order</h3>
      <table class="list">
        <thead>
          <tr>
            <th scope="col">Rule</th>
            <th scope="col">Pin</th>
            <th scope="col">Verdict</th>
            <th scope="col">Origin</th>
            <th scope="col">Session</th>
          </tr>
        </thead>
        <tbody>
          {rules.map(({ by, name, pin, verdict, why, origin, key }) => (
            <tr>
              <th scope="row">
                {by} <code>{name}</code>
              </th>
              <td data-label="Pin">{pin}</td>
              <td data-label="Verdict">
                <strong>{verdict}</strong> <span class="quiet">{why}</span>
              </td>
              <td data-label="Origin">{origin ?? "–"}</td>
              <td data-label="Session">{key === null ? "–" : <code>{key}</code>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

function Candidates({ candidates, chosen }: Pick<Explanation, "candidates" | "chosen">) {
  return (
    <>
      <h3>Origins, in the order in which they would be tried</h3>
      <ol class="candidates">
        {candidates.map(({ origin, usable, why }) => (
          <li>
            <span class={usable ? "yes" : "no"} aria-hidden="true"></span>
            {origin === chosen ? <strong>{origin}</strong> : origin}{" "}
            <span class="hidden">{usable ? "usable" : "not usable"}</span>
            <span class="quiet">{why}</span>
          </li>
        ))}
      </ol>
    </>
  );
}
