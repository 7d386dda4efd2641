import type { Reporter, TestModule } from "vitest/node";
import type { Counts } from "./tally.ts";

/** Prints what the tests of a run have counted: `npm run test:faults`. */
export default class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const total = { tests: 0, requests: 0, faults: 0, pinsLost: 0, failed: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { counts } = test.meta() as { counts?: Counts };
        if (counts === undefined) continue;
        total.tests += 1;
        total.requests += counts.requests;
        total.faults += counts.faults;
        total.pinsLost += counts.pinsLost;
        total.failed += counts.failed;
      }
    }
    console.log(
      [
        `tests that count            ${total.tests}`,
        `requests driven             ${total.requests}`,
        `faults injected             ${total.faults}`,
        `pins lost                   ${total.pinsLost}`,
        `servable requests failed    ${total.failed}`,
      ].join("\n"),
    );
  }
}
