import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openPostgresUnderTest } from "../../../packages/store/test/conformance/postgres-under-test.ts";
import { openBench } from "../../../packages/store/test/conformance/scenario-bench.ts";
import type { StoreUnderTest } from "../../../packages/store/test/conformance/store-under-test.ts";
import { openMemoryUnderTest } from "./memory-under-test.ts";
import { runCommands, storeCommand } from "./store-commands.ts";

const RUNS = 25;

let postgres: StoreUnderTest;
let memory: StoreUnderTest;
beforeAll(async () => {
  [postgres, memory] = [await openPostgresUnderTest(), await openMemoryUnderTest()];
});
afterAll(() => postgres?.close());

test("whatever happens to them, the store in memory and PostgreSQL say and hold the same", async () => {
  const benches = [openBench(() => postgres), openBench(() => memory)];
  await fc.assert(
    fc.asyncProperty(fc.array(storeCommand, { minLength: 1, maxLength: 40, size: "max" }), async (commands) => {
      const [real, modelled] = await Promise.all(benches.map((bench) => runCommands(bench, commands)));
      expect(modelled).toEqual(real);
    }),
    { numRuns: RUNS },
  );
}, 240_000);
