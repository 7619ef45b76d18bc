import type { Reporter, TestCase, TestCollection, TestModule, TestSuite } from "vitest/node";
import { promtoolRemedy } from "./find-promtool.ts";
import { redisRemedy } from "./find-redis.ts";
import type {} from "./provided-context.ts";

/**
 * A vitest reporter that ends a run with the suites that did not run and what would make them run,
 * so that a green run without Redis is not taken for a whole one. Says nothing when all ran.
 */
export default class UnmetSuitesReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) => outermostSkipped(module.children));
    if (skipped.length === 0) return;
    process.stdout.write(`${describeUnmet(skipped)}\n`);
  }
}

function describeUnmet(skipped: readonly (TestSuite | TestCase)[]): string {
  const names = skipped.map((task) => `  ${task.module.relativeModuleId} > ${task.fullName}`);
  const contexts = skipped.map((task) => task.project.getProvidedContext());
  const remedies = [
    ...(contexts.some((context) => context.redisUrl === null) ? [`There was no Redis. ${redisRemedy}`] : []),
    ...(contexts.some((context) => !context.promtool) ? [`There was no promtool. ${promtoolRemedy}`] : []),
  ];
  const remedy = remedies.length > 0 ? remedies : ["They were switched off in the test files."];
  return [`Did NOT run (${names.length}):`, ...names, ...remedy].join("\n");
}

function outermostSkipped(tasks: TestCollection): (TestSuite | TestCase)[] {
  return tasks.array().flatMap((task) => {
    if (task.options.mode === "skip" || task.options.mode === "todo") return [task];
    return task.type === "suite" ? outermostSkipped(task.children) : [];
  });
}
