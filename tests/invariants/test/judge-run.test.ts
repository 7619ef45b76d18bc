import { describe, expect, test } from "vitest";
import { judgeRun } from "../src/judge-run.ts";
import type { RanTest, TestRun } from "../src/run-tests.ts";

const name = { file: "test/a.test.ts", name: "keeps its promise" };

function ran(...tests: readonly Partial<RanTest>[]): TestRun {
  const usual = { file: name.file, fullName: "a guard keeps its promise", state: "passed", errors: [] } as const;
  return { problem: null, brokenFiles: [], tests: tests.map((one) => ({ ...usual, ...one })) };
}

const failed = (message: string, ...kinds: string[]) => ({ state: "failed" as const, errors: [{ message, kinds }] });
const asserted = failed("expected 2 to be 1\nmore", "AssertionError");

test("a test that fails by an assertion has seen the change", () => {
  expect(judgeRun(ran(asserted), name)).toEqual({
    kind: "failed",
    test: "a guard keeps its promise",
    said: "expected 2 to be 1",
  });
});

test.each([
  ["a property that was found broken", failed("Property failed after 3 tests", "Error", "AssertionError")],
  ["a helper that waited in vain", failed("Waited 500 ms in vain until it was there.", "Error")],
])("so has %s", (_, outcome) => {
  expect(judgeRun(ran(outcome), name)).toMatchObject({ kind: "failed" });
});

test("of several tests of the name one that fails is enough", () => {
  expect(judgeRun(ran({}, asserted, {}), name)).toMatchObject({ kind: "failed" });
});

test("a test that passes has not seen it", () => {
  expect(judgeRun(ran({}, {}), name)).toEqual({ kind: "passed" });
});

describe("nothing is known", () => {
  test.each<[string, TestRun, string]>([
    ["when the run broke down", { ...ran(), problem: "vitest ended with 1" }, "vitest ended with 1"],
    ["when no test has the name", ran({ fullName: "another" }), "no test of that name was found in test/a.test.ts"],
    ["when it is in another file", ran({ ...asserted, file: "test/b.test.ts" }), "no test of that name"],
    [
      "when the file does not load",
      { ...ran(), brokenFiles: [{ file: name.file, message: "Unexpected token" }] },
      "Unexpected token",
    ],
    [
      "when a hook failed before it",
      { ...ran({ state: "skipped" }), brokenFiles: [{ file: name.file, message: "no database" }] },
      "no database",
    ],
    ["when it was skipped", ran({ state: "skipped" }, {}), "it was skipped"],
    [
      "when it fell over something else",
      ran(failed("x is not a function", "TypeError")),
      "not by an assertion: TypeError",
    ],
  ])("%s", (_, run, reason) => {
    const verdict = judgeRun(run, name);
    expect(verdict).toEqual({ kind: "unclear", reason: expect.stringContaining(reason) });
  });
});

test("an error that was foretold stands for an assertion, and then no assertion does", () => {
  const refused = failed("The escrow takes nothing", "EscrowError");
  expect(judgeRun(ran(refused), name, "EscrowError")).toMatchObject({ kind: "failed" });
  expect(judgeRun(ran(refused), name, "takes nothing")).toMatchObject({ kind: "failed" });
  expect(judgeRun(ran(asserted), name, "EscrowError")).toMatchObject({ kind: "unclear" });
});
