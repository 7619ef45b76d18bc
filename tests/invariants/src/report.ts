import type { TrialResult } from "./check-invariants.ts";

/** A line for people about one trial. */
export function resultLine({ trial, verdict, isAsTold, ms }: TrialResult): string {
  const seconds = `${(ms / 1000).toFixed(1)} s`.padStart(7);
  const subject = `${isAsTold ? "ok  " : "FAIL"} ${seconds}  ${String(trial.invariant).padStart(2)}  ${trial.name}`;
  return `${subject}: ${said(verdict, trial.expected)}`;
}

function said(verdict: TrialResult["verdict"], expected: "failed" | "passed"): string {
  switch (verdict.kind) {
    case "failed":
      return expected === "failed" ? verdict.said : `it is a guard after all: ${verdict.said}`;
    case "passed":
      return expected === "passed" ? "the test passes without it, as told" : "SURVIVED: the test passes without it";
    case "unclear":
      return verdict.reason;
  }
}

/** The end of a run, for people. */
export function summary(results: readonly TrialResult[], ms: number): string {
  const mutants = results.filter(({ trial }) => trial.expected === "failed");
  const others = results.length - mutants.length;
  const wrong = results.filter(({ isAsTold }) => !isAsTold);
  const seen = mutants.filter(({ isAsTold }) => isAsTold).length;
  const counts = `${seen} of ${mutants.length} mutants were seen to fail their tests in ${Math.round(ms / 1000)} s`;
  const besides = others === 0 ? "" : `; ${others} changes that are harmless were tried besides`;
  if (wrong.length === 0) return `${counts}${besides}. None survived.`;
  return `${counts}${besides}. Not as it should be:\n${wrong.map((result) => `  ${resultLine(result)}`).join("\n")}`;
}

/** The same for machines. */
export function jsonReport(results: readonly TrialResult[], ms: number): string {
  const mutants = results.filter(({ trial }) => trial.expected === "failed");
  return JSON.stringify(
    {
      mutants: mutants.length,
      seenToFail: mutants.filter(({ isAsTold }) => isAsTold).length,
      survivors: results.filter(({ isAsTold }) => !isAsTold).map(({ trial }) => trial.name),
      ms: Math.round(ms),
      trials: results.map(({ trial, verdict, isAsTold, ms: took }) => ({
        invariant: trial.invariant,
        name: trial.name,
        file: trial.change.file,
        test: trial.test,
        expected: trial.expected,
        isAsTold,
        verdict,
        ms: took,
      })),
    },
    null,
    2,
  );
}
