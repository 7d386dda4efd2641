import { createServer } from "node:net";

/**
 * A port on 127.0.0.1 that is free now and not yet in `taken`, to which it is added: the wanted
 * one, else the next free one in steps of ten, so that neighbours keep theirs. Says when it moved.
 */
export async function findPort(who: string, wanted: number, taken: Set<number>): Promise<number> {
  for (let port = wanted; port <= 65_535; port += 10) {
    if (taken.has(port) || !(await isFree(port))) continue;
    if (port !== wanted) console.log(`Port ${wanted} is taken: ${who} uses ${port}.`);
    taken.add(port);
    return port;
  }
  throw new Error(`Port ${wanted} is taken, and no other was free for ${who}.`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
