import type { TestName } from "./invariant.ts";
import type { RanTest, TestError, TestRun } from "./run-tests.ts";

/**
 * `failed`: the test saw the change, by an assertion of its own. `passed`: it did not. `unclear`: it did not
 * run, or fell over something that is no assertion.
 */
export type Verdict =
  | { readonly kind: "failed"; readonly test: string; readonly said: string }
  | { readonly kind: "passed" }
  | { readonly kind: "unclear"; readonly reason: string };

const LONGEST_REASON = 600;
/** What helpers say that wait for something in vain. */
const IN_VAIN = /^Waited \d+ ms in vain/;

/**
 * What a run says about one test. A name may stand for several tests (`test.each`): one that fails is enough.
 *
 * @param failsWith accepted in place of an assertion: a part of the error
 */
export function judgeRun(run: TestRun, name: TestName, failsWith?: string): Verdict {
  if (run.problem !== null) return unclear(run.problem);
  const tests = run.tests.filter((test) => isMeant(test, name));
  const broken = run.brokenFiles.find(({ file }) => file === name.file);
  if (tests.length === 0) return unclear(broken?.message ?? `no test of that name was found in ${name.file}`);
  const failed = tests.filter(({ state }) => state === "failed");
  for (const test of failed) {
    const error = test.errors.find((one) => isAsked(one, failsWith));
    if (error !== undefined) return { kind: "failed", test: test.fullName, said: firstLine(error.message) };
  }
  const [other] = failed.flatMap(({ errors }) => errors);
  if (failed.length > 0) return unclear(`it failed, but not by an assertion: ${other?.kinds[0]}: ${other?.message}`);
  if (tests.every(({ state }) => state === "passed")) return { kind: "passed" };
  return unclear(broken?.message ?? "it was skipped");
}

export function isMeant(test: RanTest, { file, name }: TestName): boolean {
  return test.file === file && test.fullName.includes(name);
}

/** A property that was found broken has the assertion as its cause. */
function isAsked({ message, kinds }: TestError, failsWith: string | undefined): boolean {
  if (failsWith !== undefined) return kinds.includes(failsWith) || message.includes(failsWith);
  return kinds.includes("AssertionError") || IN_VAIN.test(message);
}

function unclear(reason: string): Verdict {
  return { kind: "unclear", reason: reason.slice(0, LONGEST_REASON) };
}

function firstLine(text: string): string {
  return (text.split("\n")[0] ?? "").slice(0, 300);
}
