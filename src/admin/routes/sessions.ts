import * as v from "valibot";

import { endpoint } from "../endpoint.ts";
import { findByValue } from "../find.ts";
import { hasOrigin, releaseAll } from "../pools.ts";
import { count, fields, sessionView, sessionsQuery } from "../schemas.ts";
import { findSession, listSessions, moveSession, releaseSession } from "../sessions.ts";

const releaseQuery = v.strictObject({
  pool: v.optional(v.string()),
  origin: v.optional(v.string()),
});

const moveBody = fields({ origin: v.string("the name of an origin of the pool") });

const VALUE = "a text of 1 to 4096 characters";

const findBody = fields({
  value: v.pipe(
    v.string(VALUE),
    v.check((given) => given.trim() !== "", VALUE),
    v.maxLength(4096, VALUE),
  ),
  pool: v.optional(v.string("the name of a pool")),
});

const EXAMPLE = {
  id: "RyCgmA7X6POFqFvwg7YB0Q",
  pool: "default",
  by: "cookie",
  origin: "app-2",
  created: "2026-11-23T02:43:20.805Z",
  seen: "2026-11-23T02:43:20.845Z",
  expires: "2026-11-23T03:13:20.845Z",
};

export const sessionRoutes = [
  endpoint("GET", "/api/sessions", {
    id: "listSessions",
    summary: "The session map, page by page",
    failures: ["not_found"],
    query: sessionsQuery,
    answer: v.strictObject({ sessions: v.array(sessionView), cursor: v.nullable(v.string()) }),
    async handle({ router: { pools }, query }) {
      const { pool } = query;
      const isUnknown = pool !== undefined && !pools.some((parts) => parts.pool.name === pool);
      return isUnknown ? { code: "not_found" } : { value: await listSessions(pools, query) };
    },
  }),

  endpoint("DELETE", "/api/sessions", {
    id: "releaseSessions",
    examples: { answer: { released: 3 } },
    summary: "Releases all sessions of an origin or pool",
    failures: ["not_found"],
    query: releaseQuery,
    answer: v.strictObject({ released: count }),
    async handle({ router: { pools }, query: { pool, origin = null } }) {
      if (pool === undefined && origin === null) {
        return { code: "invalid_input", detail: "give pool, origin, or both" };
      }
      const chosen = pools.filter(
        (parts) => (pool === undefined || parts.pool.name === pool) && hasOrigin(parts, origin),
      );
      if (chosen.length === 0) return { code: "not_found" };
      const released = await Promise.all(chosen.map((parts) => releaseAll(parts, origin)));
      return { value: { released: released.reduce((sum, one) => sum + one, 0) } };
    },
  }),

  endpoint("POST", "/api/sessions/find", {
    id: "findSessions",
    examples: { body: { value: "__Host-affinity=AW4…", pool: "default" } },
    summary: "Sessions by id, or by a pasted cookie, header, parameter or address",
    failures: ["not_found"],
    body: findBody,
    answer: v.strictObject({ sessions: v.array(sessionView) }),
    async handle({ router: { pools }, body: { value, pool } }) {
      const chosen = pools.filter((parts) => pool === undefined || parts.pool.name === pool);
      if (chosen.length === 0) return { code: "not_found" };
      return { value: { sessions: await findByValue(chosen, value) } };
    },
  }),

  endpoint("GET", "/api/sessions/:id", {
    id: "getSession",
    examples: { answer: EXAMPLE },
    summary: "One session",
    isTagged: true,
    failures: ["not_found"],
    answer: sessionView,
    async handle({ router, params }) {
      const value = await findSession(router.pools, params.id);
      return value === null ? { code: "not_found" } : { value };
    },
  }),

  endpoint("PATCH", "/api/sessions/:id", {
    id: "moveSession",
    examples: { body: { origin: "app-1" } },
    summary: "Moves one session to another origin of its pool",
    isTagged: true,
    failures: ["not_found"],
    body: moveBody,
    answer: sessionView,
    async handle({ router, params, body, request }) {
      const ifMatch = request.headers.get("if-match");
      const moved = await moveSession(router.pools, params.id, body.origin, ifMatch);
      if (moved === "changed") return { code: "precondition_failed" };
      if (moved === "no session") return { code: "not_found" };
      return moved === "no origin"
        ? { code: "invalid_input", detail: "origin: expected the name of an origin of the pool" }
        : { value: moved };
    },
  }),

  endpoint("DELETE", "/api/sessions/:id", {
    id: "releaseSession",
    summary: "Releases one session",
    isTagged: true,
    failures: ["not_found"],
    answer: sessionView,
    async handle({ router, params, request }) {
      const ifMatch = request.headers.get("if-match");
      const value = await releaseSession(router.pools, params.id, ifMatch);
      if (value === "changed") return { code: "precondition_failed" };
      return value === "no session" ? { code: "not_found" } : { value };
    },
  }),
];
