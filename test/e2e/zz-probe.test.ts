import { test } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import { startScene } from "./scene.ts";
import { openRaw } from "../kit/raw-http.ts";
import { startRouter } from "../kit/workerd.ts";
test("probe", async () => {
  const s = await startScene({ names: ["app-1"] });
  const bare = await startRouter({ entry: "/tmp/bare.ts", objects: [], vars: { O: s.origins[0]!.url } });
  for (const url of [s.origins[0]!.url, bare.url, s.url]) {
    const c = await openRaw(url);
    c.write("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    c.write("5\r\nfirst\r\n");
    await sleep(300);
    console.log(url, JSON.stringify(String(c.rest)), s.origins[0]!.requests.length);
    c.write("6\r\nsecond\r\n");
    await sleep(300);
    console.log(url, JSON.stringify(String(c.rest)), s.origins[0]!.requests.length);
    c.write("0\r\n\r\n");
    await sleep(300);
    console.log(url, JSON.stringify(String(c.rest)), s.origins[0]!.requests.length);
    c.destroy();
  }
  await bare.stop();
  await s.stop();
});
