import { OUTCOME_KINDS } from "@evergrant/core";
import { createTestDatabase, type TestDatabase } from "@evergrant/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FuzzReport, runFuzz } from "../src/run-fuzz.ts";

/** Another one each time: a failure says which. */
const SEED = Math.floor(Math.random() * 2 ** 31);

describe("whatever a provider answers, nothing breaks, no stored token set is damaged, no secret is told", () => {
  let database: TestDatabase;
  let report: FuzzReport;
  beforeAll(async () => {
    database = await createTestDatabase();
    const sizes = { answers: 12_000, overHttp: 1_000, settleEvery: 80 };
    report = await runFuzz({ ...sizes, seed: SEED, databaseUrl: database.url });
  });
  afterAll(() => database.drop());

  test("judged in memory: every outcome occurs, a good part are successes", () => {
    expect(Object.keys(report.judged.outcomes).toSorted()).toEqual([...OUTCOME_KINDS].toSorted());
    expect(successes(report.judged.outcomes) / report.judged.answers).toBeGreaterThan(0.15);
  });

  test("fetched over HTTP from a server that keeps to no rule", () => {
    expect(report.overHttp.answers).toBe(1_000);
    expect(successes(report.overHttp.outcomes)).toBeGreaterThan(90);
  });

  test("settled on real rows", () => {
    expect(report.settled.replaced).toBeGreaterThan(10);
    expect(report.settled.kept).toBeGreaterThan(60);
  });

  const successes = ({ rotated = 0, renewed = 0 }: FuzzReport["judged"]["outcomes"]) => rotated + renewed;
});
