// A child process: so many WebSockets, each sending the next message when the last one came back.
import { once } from "node:events";
import { WebSocket } from "ws";
import type { Load, Measured } from "./load.ts";

process.once("disconnect", () => process.exit());
process.once("message", (load: Load) => {
  void run(load).then((measured) => process.send?.(measured, () => process.disconnect()));
});

async function run({ url, path, connections, seconds, headers }: Load): Promise<Measured> {
  const times: number[] = [];
  const end = performance.now() + seconds * 1_000;
  let errors = 0;
  const talk = async (at: number): Promise<void> => {
    const options = { headers: { ...headers[at % headers.length] } };
    const socket = new WebSocket(url.replace(/^http/, "ws") + path, options);
    try {
      await once(socket, "open");
      while (performance.now() < end) {
        const sentAt = performance.now();
        socket.send("x".repeat(64));
        await once(socket, "message");
        times.push(performance.now() - sentAt);
      }
    } catch {
      errors += 1;
    }
    socket.close();
  };
  await Promise.all(Array.from({ length: connections }, (_, at) => talk(at)));
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor(share * (times.length - 1))] ?? 0;
  return { requests: times.length, seconds, p50Ms: at(0.5), p99Ms: at(0.99), errors };
}
