import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";

/**
 * An MCP server as the SDK's own examples make it: a transport per session, in memory, and 404 for a
 * session that it does not know. Its one tool, `count`, answers `<name> <calls of this session>`.
 */
export function mcpSessions(
  name: string,
): (request: IncomingMessage, response: ServerResponse, body: unknown) => Promise<void> {
  const transports = new Map<string, StreamableHTTPServerTransport>();
  return async (request, response, body) => {
    const id = request.headers["mcp-session-id"];
    const known = typeof id === "string" ? transports.get(id) : undefined;
    if (id !== undefined && known === undefined) return void response.writeHead(404).end();
    const transport = known ?? (await newSession(name, transports));
    await transport.handleRequest(request, response, body);
  };
}

async function newSession(
  name: string,
  transports: Map<string, StreamableHTTPServerTransport>,
): Promise<StreamableHTTPServerTransport> {
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: () => randomUUID(),
    onsessioninitialized: (session) => void transports.set(session, transport),
    onsessionclosed: (session) => void transports.delete(session),
  });
  const server = new McpServer({ name, version: "1.0.0" });
  let calls = 0;
  server.registerTool("count", { description: "Counts the calls of this session" }, () => {
    calls += 1;
    return { content: [{ type: "text", text: `${name} ${calls}` }] };
  });
  await server.connect(transport as Parameters<McpServer["connect"]>[0]);
  return transport;
}
