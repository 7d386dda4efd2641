import type { Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";

import type { AdminSettings } from "../../model.ts";
import { prefersHtml, type Failure } from "../../outcome.ts";
import { fail, type Door } from "../auth.ts";
import { logIn, logOut } from "../login-cookie.ts";
import { isSameSite } from "../same-site.ts";
import { sendPage } from "./page.tsx";

/** A token and its field's name fit into this many times. */
const FORM_BYTES = 8_192;

/** The way in for people: a form at the admin's path, and the cookie that it gives. */
export function addLogin(app: Hono, { path, token }: AdminSettings, door: Door): void {
  if (token === null) return;

  app.get("/*", async (c, next) => {
    if (c.req.path !== path && c.req.path !== `${path}/`) return next();
    if (c.req.header("authorization") !== undefined) return next();
    if (!prefersHtml(c.req.header("accept") ?? null) || (await door.isOpenTo(c))) return next();
    return sendLogin(c, path, null);
  });

  app.post(
    "/login",
    bodyLimit({
      maxSize: FORM_BYTES,
      onError: (c) => fail(c, { code: "invalid_input", detail: "the form is too long" }),
    }),
    async (c) => {
      if (!isSameSite(c.req.raw)) return fail(c, { code: "forbidden" });
      const given = (await c.req.parseBody())["token"];
      const failure = await door.tryToken(c, typeof given === "string" ? given.trim() : "");
      if (failure !== null) return sendLogin(c, path, failure);
      await logIn(c, token, path, Date.now());
      return c.redirect(`${path}/`, 303);
    },
  );

  // Where a browser is after a wrong token; who comes back there wants to log in.
  app.get("/login", (c) => c.redirect(`${path}/`, 303));

  app.post("/logout", (c) => {
    if (!isSameSite(c.req.raw)) return fail(c, { code: "forbidden" });
    logOut(c, path);
    return c.redirect(`${path}/`, 303);
  });
}

function sendLogin(c: Context, path: string, failure: Failure | null): Promise<Response> {
  const waitSeconds = failure?.code === "too_many_requests" ? failure.retryAfterSeconds : null;
  const status = failure === null ? 200 : waitSeconds === null ? 401 : 429;
  const problem =
    failure === null
      ? null
      : waitSeconds === null
        ? "This is not the admin token."
        : `Too many wrong tokens. Try again in ${waitSeconds} s.`;
  return sendPage({
    c,
    path,
    title: "Log in · Limpet",
    status,
    headers: waitSeconds === null ? {} : { "Retry-After": String(waitSeconds) },
    children: (
      <main class="login">
        <h1>Limpet</h1>
        <form method="post" action={`${path}/login`}>
          <label for="token">Admin token</label>
          <input
            id="token"
            name="token"
            type="password"
            autocomplete="current-password"
            required
            autofocus
            aria-invalid={problem === null ? undefined : "true"}
            aria-describedby={problem === null ? undefined : "problem"}
          />
          {problem === null ? null : (
            <p id="problem" role="alert">
              {problem}
            </p>
          )}
          <button type="submit" class="primary">
            Log in
          </button>
        </form>
      </main>
    ),
  });
}
