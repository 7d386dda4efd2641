import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startContender, startOrigins } from "./contenders.ts";
import { applyLoad } from "./load.ts";
import type { Options } from "./options.ts";
import { Inspector, topFunctions, type Profile } from "./profile.ts";
import type { Variant } from "./variants.ts";
import { freePort } from "./rivals.ts";
import { Visitors } from "./visitors.ts";

const profiledSeconds = 5;

/** Profiles a variant's last contender, ours, under its load; the bundle keeps its names. */
export async function profileVariant(variant: Variant, { generator }: Options): Promise<true> {
  const contender = variant.contenders.at(-1);
  if (contender === undefined) throw new Error("nobody to profile");
  const origins = await startOrigins(variant.origins);
  const port = await freePort();
  const router = await startContender(contender, origins.urls, port);
  try {
    const visitors = new Visitors(router.url, variant.traffic);
    await visitors.visit();
    const load = {
      ...variant.traffic,
      url: router.url,
      headers: visitors.headers,
      firstNumber: 0,
      isFirstVisit: variant.traffic.visitors === 0,
      isWebSocket: variant.traffic.isWebSocket ?? false,
    };
    await applyLoad(generator, { ...load, seconds: 1 });
    const inspector = await Inspector.connect(port);
    await inspector.send("Profiler.enable");
    await inspector.send("Profiler.setSamplingInterval", { interval: 200 });
    await inspector.send("Profiler.start");
    await applyLoad(generator, { ...load, seconds: profiledSeconds, firstNumber: 1e6 });
    const { profile } = await inspector.send<{ profile: Profile }>("Profiler.stop");
    inspector.close();
    const folder = join(import.meta.dirname, "results");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${variant.name}.cpuprofile`), JSON.stringify(profile));
    for (const [name, share] of topFunctions(profile, 25)) {
      process.stdout.write(`${(share * 100).toFixed(1).padStart(6)} %  ${name}\n`);
    }
    process.stdout.write(`written: bench/results/${variant.name}.cpuprofile\n`);
    return true;
  } finally {
    await router.stop();
    origins.stop();
  }
}
