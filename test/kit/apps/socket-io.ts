import { createServer } from "node:http";
import { Server } from "socket.io";
import { instanceName, serve } from "./serve.ts";

/** Socket.IO with its in-memory adapter: a connection that reaches another instance is unknown there. */

export interface Tick {
  readonly instance: string;
  readonly n: number;
  readonly transport: string;
}

interface ClientEvents {
  tick(reply: (tick: Tick) => void): void;
}

const server = createServer();
const io = new Server<ClientEvents>(server, { serveClient: false });

io.on("connection", (socket) => {
  let n = 0;
  socket.on("tick", (reply) => {
    n += 1;
    reply({ instance: instanceName, n, transport: socket.conn.transport.name });
  });
});

serve(server);
