import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { mcpSessions } from "./mcp-sessions.ts";
import { instanceName, serve } from "./serve.ts";

const answer = mcpSessions(instanceName);

serve(
  createServer((request, response) => {
    const body = request.method === "POST" ? json(request) : Promise.resolve(undefined);
    body.then((parsed) => answer(request, response, parsed)).catch(() => response.destroy());
  }),
);
