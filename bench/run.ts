import { setTimeout as sleep } from "node:timers/promises";
import {
  absent,
  startContender,
  startOrigins,
  workerEntry,
  type Contender,
  type Running,
} from "./contenders.ts";
import { writeSection } from "./document.ts";
import { applyLoad, type Generator, type Load } from "./load.ts";
import { renderPage } from "./page.ts";
import { profileVariant } from "./profile-run.ts";
import { readOptions, usage, type Options } from "./options.ts";
import { processorSeconds } from "./processor-time.ts";
import {
  renderBundle,
  renderOutcome,
  writeResults,
  type BundleSize,
  type Outcome,
} from "./report.ts";
import { measureSize, sizeBudgetBytes } from "./size.ts";
import { judge, type Shot } from "./statistics.ts";
import type { Variant } from "./variants.ts";
import { Visitors } from "./visitors.ts";

/** How long and how often. */
interface Pace {
  readonly rounds: number;
  readonly seconds: number;
}

const warmUpSeconds = 1;
/** Rows of new sessions are written within this time; their cost belongs to the shot. */
const settleMs = 700;

// Every child is tied to this process: ending it ends them all.
process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));

function paceOf(variant: Variant, { quick, rounds, seconds }: Options): Pace {
  return {
    rounds: rounds ?? (quick ? 3 : variant.rounds),
    seconds: seconds ?? (quick ? 1 : variant.seconds),
  };
}

/** A contender that runs and the clients that know it. */
interface Stand {
  readonly contender: Contender;
  readonly router: Running;
  readonly visitors: Visitors;
}

async function runVariant(variant: Variant, pace: Pace, generator: Generator): Promise<Outcome> {
  const origins = await startOrigins(variant.origins);
  const stands: Stand[] = [];
  try {
    for (const contender of variant.contenders) {
      const router = await startContender(contender, origins.urls);
      stands.push({ contender, router, visitors: new Visitors(router.url, variant.traffic) });
    }
    const rounds = new Map<string, Shot[]>();
    let firstNumber = 0;
    for (let round = 0; round <= pace.rounds; round++) {
      const warmUp = round === 0;
      // Each round begins with another contender, so that none always runs on a warm machine.
      const order = stands.map((_, at) => stands[(at + round) % stands.length] as Stand);
      await Promise.all(stands.map(({ visitors }) => visitors.visit()));
      for (const stand of order) {
        const { name } = stand.contender;
        progress(`${variant.name}: round ${round} of ${pace.rounds}, ${name}`);
        const shot = await shoot(generator, stand, {
          ...variant.traffic,
          url: stand.router.url,
          seconds: warmUp ? warmUpSeconds : pace.seconds,
          headers: headersFor(stand, stands),
          firstNumber,
          isFirstVisit: variant.traffic.visitors === 0,
          isWebSocket: variant.traffic.isWebSocket ?? false,
        });
        firstNumber += shot.requests + 10 * variant.traffic.connections;
        if (!warmUp) rounds.set(name, [...(rounds.get(name) ?? []), shot]);
      }
    }
    const inOrder = new Map(variant.contenders.map(({ name }) => [name, rounds.get(name) ?? []]));
    const verdicts = variant.budgets.map((budget) => judge(budget, inOrder));
    return { variant, rounds: inOrder, verdicts };
  } finally {
    await Promise.all(stands.map(({ router }) => router.stop()));
    origins.stop();
  }
}

/** One load, and what it cost the Worker's process. */
async function shoot(generator: Generator, { router }: Stand, load: Load): Promise<Shot> {
  const before = processorSeconds(router.pid);
  const measured = await applyLoad(generator, load);
  if (load.isFirstVisit) await sleep(settleMs);
  const after = processorSeconds(router.pid);
  const isKnown = before !== null && after !== null && measured.requests > 0;
  return {
    ...measured,
    cpuMicros: isKnown ? ((after - before) / measured.requests) * 1e6 : null,
  };
}

/** A Worker that sets no cookie is sent ours, so that every request is as long as the others'. */
function headersFor(stand: Stand, stands: readonly Stand[]): Visitors["headers"] {
  const own = stand.visitors.headers;
  const borrowed = own.some((headers) => "cookie" in headers)
    ? own
    : stands.at(-1)?.visitors.headers;
  return borrowed ?? own;
}

function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${line}`);
  else if (line) process.stderr.write(`${line}\n`);
}

async function measureBundle(): Promise<BundleSize> {
  const { gzipBytes } = await measureSize(workerEntry);
  return { gzipBytes, budgetBytes: sizeBudgetBytes };
}

async function main(options: Options): Promise<boolean> {
  const startedAt = new Date();
  const bundle = await measureBundle();
  const outcomes: Outcome[] = [];
  process.stdout.write(
    `load by ${options.generator}; ratios are medians over rounds\n` +
      (absent.length > 0 ? `left out, since not installed: ${absent.join(", ")}\n` : ""),
  );
  for (const variant of options.variants) {
    const outcome = await runVariant(variant, paceOf(variant, options), options.generator);
    outcomes.push(outcome);
    progress("");
    process.stdout.write(`${renderOutcome(outcome)}\n`);
  }
  process.stdout.write(`${renderBundle(bundle)}\n`);
  process.stdout.write(`\nwritten: ${writeResults(options, outcomes, bundle, startedAt)}\n`);
  if (options.write) writeSection("requests", renderPage(options, outcomes, bundle, startedAt));
  const failed = outcomes.some(
    ({ verdicts, rounds }) =>
      verdicts.some(({ met }) => !met) ||
      [...rounds.values()].flat().some(({ errors }) => errors > 0),
  );
  return !failed && bundle.gzipBytes <= bundle.budgetBytes;
}

let options: Options;
try {
  options = readOptions(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}\n`);
  process.exit(2);
}
const [first] = options.variants;
const met = options.profile && first ? await profileVariant(first, options) : await main(options);
process.exitCode = options.check && !met ? 1 : 0;
