// A child process: drives one load with autocannon, sends the outcome to its parent and ends.
import autocannon from "autocannon";
import type { Load, Measured } from "./load.ts";

process.once("disconnect", () => process.exit());
process.once("message", (load: Load) => {
  void run(load).then((measured) => process.send?.(measured, () => process.disconnect()));
});

async function run(load: Load): Promise<Measured> {
  let number = load.firstNumber;
  const body = load.bodyBytes > 0 ? Buffer.alloc(load.bodyBytes, "x") : undefined;
  const result = await autocannon({
    url: load.url,
    connections: load.connections,
    duration: load.seconds,
    requests: load.headers.map((headers) => ({
      method: load.method,
      path: load.path,
      headers: { ...headers },
      ...(body ? { body } : {}),
      ...(JSON.stringify(headers).includes("{")
        ? { setupRequest: (request) => ({ ...request, headers: numbered(headers, ++number) }) }
        : {}),
    })),
  });
  return {
    requests: result.requests.total,
    seconds: result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    errors: result.errors + result.timeouts + result.non2xx,
  };
}

function numbered(headers: Readonly<Record<string, string>>, n: number): Record<string, string> {
  const ip = `2001:db8:${Math.floor(n / 65_536).toString(16)}:${(n % 65_536).toString(16)}::1`;
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      value.replaceAll("{n}", String(n)).replaceAll("{ip}", ip),
    ]),
  );
}
