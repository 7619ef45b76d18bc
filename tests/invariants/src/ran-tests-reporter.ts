import { writeFileSync } from "node:fs";
import { relative } from "node:path";
import type { Reporter, SerializedError, TestModule } from "vitest/node";
import type { RanTest, TestRun } from "./run-tests.ts";

/** Where the report goes, and which folder its paths are relative to. Set by whoever starts vitest with this reporter. */
export const REPORT_FILE = "INVARIANTS_REPORT";
export const REPORT_ROOT = "INVARIANTS_ROOT";

const MOST_CAUSES = 5;

/** Writes down how each test ended. vitest's own JSON report leaves out of which kind an error is. */
export default class RanTestsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const { [REPORT_FILE]: file = "", [REPORT_ROOT]: root = "" } = process.env;
    const run: TestRun = {
      problem: null,
      brokenFiles: modules.flatMap((module) =>
        errorsAround(module).map((message) => ({ file: relative(root, module.moduleId), message })),
      ),
      tests: modules.flatMap((module) => testsOf(module, relative(root, module.moduleId))),
    };
    writeFileSync(file, JSON.stringify(run));
  }
}

/** Of the file itself and of its suites, such as a hook that failed. */
function errorsAround(module: TestModule): string[] {
  const suites = [...module.children.allSuites()].flatMap((suite) => suite.errors());
  return [...module.errors(), ...suites].map(({ message }) => message);
}

function testsOf(module: TestModule, file: string): RanTest[] {
  return [...module.children.allTests()].map((test) => {
    const { state, errors = [] } = test.result();
    return {
      file,
      fullName: test.fullName.replaceAll(" > ", " "),
      state: state === "passed" || state === "failed" ? state : "skipped",
      errors: errors.map(({ message, ...error }) => ({ message, kinds: kindsOf(error) })),
    };
  });
}

/** The names of an error and of what caused it. */
function kindsOf(error: Pick<SerializedError, "name" | "cause">): string[] {
  const kinds: string[] = [];
  for (let at: typeof error | undefined = error; at !== undefined && kinds.length < MOST_CAUSES; at = at.cause) {
    kinds.push(at.name ?? "");
  }
  return kinds;
}
