import { afterAll, beforeAll, describe } from "vitest";
import { breakerReadsScenarios } from "./breaker-reads-scenarios.ts";
import { breakerScenarios } from "./breaker-scenarios.ts";
import { candidateScenarios } from "./candidate-scenarios.ts";
import { claimScenarios } from "./claim-scenarios.ts";
import { leaseScenarios } from "./lease-scenarios.ts";
import { openBench } from "./scenario-bench.ts";
import { scheduleScenarios } from "./schedule-scenarios.ts";
import { settleScenarios } from "./settle-scenarios.ts";
import type { StoreUnderTest } from "./store-under-test.ts";

/** What every store has to do, told as guarantees. */
export function describeConformance(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(name, () => {
    let under: StoreUnderTest | undefined;
    beforeAll(async () => {
      under = await open();
    });
    afterAll(() => under?.close());
    const bench = openBench(() => {
      if (under === undefined) throw new Error("The store is not open yet.");
      return under;
    });
    claimScenarios(bench);
    leaseScenarios(bench);
    settleScenarios(bench);
    candidateScenarios(bench);
    breakerScenarios(bench);
    breakerReadsScenarios(bench);
    scheduleScenarios(bench);
  });
}
