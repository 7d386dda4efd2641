import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

/** The name that this process was started with: `app-1`, `app-2`, … */
export const instanceName = process.argv[2] ?? "app";

/** Listens where the parent process said, tells it the port, and ends when the parent does. */
export function serve(server: Server): void {
  server.keepAliveTimeout = 60_000;
  server.listen(Number(process.argv[3] ?? 0), "127.0.0.1", () => {
    process.send?.((server.address() as AddressInfo).port);
  });
  process.once("disconnect", () => process.exit());
}
