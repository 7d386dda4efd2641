import { createServer } from "node:http";
import express from "express";
import session from "express-session";
import { instanceName, serve } from "./serve.ts";

/**
 * A shop as the documentation of express-session makes it: MemoryStore, `connect.sid` (URL-encoded and
 * signed), a new session ID at login. All instances share the signing secret, and no session.
 */

declare module "express-session" {
  interface SessionData {
    user: string;
    items: number;
  }
}

export interface ShopAnswer {
  readonly instance: string;
  readonly user: string;
  readonly items: number;
}

const app = express();
app.disable("x-powered-by");
app.use(
  session({
    name: "connect.sid",
    secret: "a secret that all instances share",
    resave: false,
    saveUninitialized: false,
  }),
);

app.get("/healthz", (_, response) => void response.sendStatus(200));

app.get("/", (_, response) => void response.json({ instance: instanceName }));

app.get("/assets/style.css", (_, response) => {
  response.set("cache-control", "public, max-age=3600").type("css").send(`/* ${instanceName} */`);
});

app.post("/login/:user", (request, response, next) => {
  request.session.regenerate((error) => {
    if (error) return void next(error);
    request.session.user = request.params.user;
    request.session.items = 0;
    response.json({ instance: instanceName, user: request.params.user, items: 0 });
  });
});

app.use("/cart", (request, response, next) => {
  if (request.session.user === undefined) {
    const event = request.get("affinity-event");
    response.status(401).json({ instance: instanceName, error: "log in first", event });
  } else next();
});

app.get("/cart", ({ session: { user, items } }, response) => {
  response.json({ instance: instanceName, user, items });
});

app.post("/cart", (request, response) => {
  request.session.items = (request.session.items ?? 0) + 1;
  response.json({
    instance: instanceName,
    user: request.session.user,
    items: request.session.items,
  });
});

app.post("/logout", (request, response, next) => {
  request.session.destroy((error) => {
    if (error) return void next(error);
    response.clearCookie("connect.sid").json({ instance: instanceName });
  });
});

serve(createServer(app));
