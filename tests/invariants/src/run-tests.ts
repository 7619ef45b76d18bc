import { readFile, rm } from "node:fs/promises";
import { extname, join } from "node:path";
import type { TestName } from "./invariant.ts";
import { SHARED_SERVICES } from "./provide-shared.ts";
import { REPORT_FILE, REPORT_ROOT } from "./ran-tests-reporter.ts";
import { runProgram } from "./run-program.ts";
import type { ScratchTree } from "./scratch-tree.ts";
import type { SharedServices } from "./share-services.ts";

/** One test as it ended. */
export interface RanTest {
  /** From the root of the tree. */
  readonly file: string;
  readonly fullName: string;
  readonly state: "passed" | "failed" | "skipped";
  readonly errors: readonly TestError[];
}

export interface TestError {
  readonly message: string;
  /** Its name, then those of what caused it. */
  readonly kinds: readonly string[];
}

export interface TestRun {
  readonly tests: readonly RanTest[];
  /** Files whose tests could not be collected or prepared, and why. */
  readonly brokenFiles: readonly { readonly file: string; readonly message: string }[];
  /** Why nothing can be said at all; null when the run came to its end. */
  readonly problem: string | null;
}

/** Beside this file, compiled like it or not. */
const REPORTER = join(import.meta.dirname, `ran-tests-reporter${extname(import.meta.filename)}`);
const TEST_RUN_WITHIN_MS = 180_000;
const BUILD_WITHIN_MS = 120_000;

interface RunOptions {
  readonly withinMs?: number;
  readonly signal: AbortSignal;
}

/**
 * Runs the tests of these names, and no others, in a tree, by vitest as it is installed there.
 *
 * @param options.services that are there already; without them the run starts its own
 */
export async function runTests(
  tree: ScratchTree,
  names: readonly TestName[],
  {
    withinMs = TEST_RUN_WITHIN_MS,
    signal,
    services = null,
  }: RunOptions & { readonly services?: SharedServices | null },
): Promise<TestRun> {
  const report = join(tree.temp, "report.json");
  await rm(report, { force: true });
  const end = await runProgram(
    process.execPath,
    [
      join(tree.path, "node_modules/vitest/vitest.mjs"),
      "run",
      ...new Set(names.map(({ file }) => file)),
      "--testNamePattern",
      names.map(({ name }) => escapePattern(name)).join("|"),
      "--reporter",
      REPORTER,
      ...(services === null ? [] : ["--config", services.config]),
    ],
    {
      cwd: tree.path,
      env: {
        ...environment(tree),
        [REPORT_FILE]: report,
        [REPORT_ROOT]: tree.path,
        [SHARED_SERVICES]: services?.provided,
      },
      withinMs,
      signal,
    },
  );
  if (end.isLate) return nothing(`the run did not end within ${withinMs / 1000} s`);
  try {
    return JSON.parse(await readFile(report, "utf8"));
  } catch {
    return nothing(`vitest ended with ${end.code ?? "a signal"} and no report:\n${end.output.slice(-1_500)}`);
  }
}

/** Compiles rooms of a tree, and what they are made of. Null when it worked, else what the compiler said. */
export async function build(
  tree: ScratchTree,
  rooms: readonly string[],
  { withinMs = BUILD_WITHIN_MS, signal }: RunOptions,
): Promise<string | null> {
  const args = [join(tree.path, "node_modules/typescript/bin/tsc"), "-b", ...rooms];
  const end = await runProgram(process.execPath, args, { cwd: tree.path, env: environment(tree), withinMs, signal });
  return end.code === 0 ? null : end.output.slice(-1_500);
}

/** A caller inside npm or vitest hands down settings that are its own. */
function environment(tree: ScratchTree): Record<string, string | undefined> {
  const own = Object.entries(process.env).filter(([name]) => !/^(npm_|VITEST|NODE_OPTIONS|NODE_ENV$)/.test(name));
  return { ...Object.fromEntries(own), TMPDIR: tree.temp, NO_COLOR: "1", FORCE_COLOR: undefined };
}

function nothing(problem: string): TestRun {
  return { tests: [], brokenFiles: [], problem };
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
