import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { applyChange, changed } from "./apply-mutant.ts";
import { judgeRun, type Verdict } from "./judge-run.ts";
import { build, runTests } from "./run-tests.ts";
import { createScratchTree, type ScratchTree } from "./scratch-tree.ts";
import { type SharedServices, shareServices } from "./share-services.ts";
import type { Trial } from "./trials.ts";

export interface TrialResult {
  readonly trial: Trial;
  readonly verdict: Verdict;
  /** Whether the verdict is the one that the table says. */
  readonly isAsTold: boolean;
  readonly ms: number;
}

/** The tests do not pass on the code as it is: nothing could be learnt from their failing. */
export class UnsoundTests extends Error {
  override readonly name = "UnsoundTests";
}

interface CheckOptions {
  /** The project. Nothing in it is changed. */
  readonly root: string;
  readonly trials: readonly Trial[];
  /** Trials at a time, each in a copy of the project. */
  readonly workers: number;
  readonly onStep: (text: string) => unknown;
  readonly onResult: (result: TrialResult) => void;
  readonly signal: AbortSignal;
}

/**
 * Takes each guard away in a copy of the project and runs its test: it has to fail, by an assertion. First all
 * tests are run on the code as it is. Whatever happens, the copies are removed.
 *
 * @returns the results, in the order of the trials
 * @throws MisplacedMutant when code that is to be taken away is no longer there
 * @throws UnsoundTests when a test fails on the code as it is
 */
export async function checkInvariants(options: CheckOptions): Promise<TrialResult[]> {
  const { root, trials, onStep, signal } = options;
  await Promise.all(trials.map((trial) => requirePlaced(root, trial)));
  const trees: ScratchTree[] = [];
  try {
    onStep("copying the project");
    const first = await createScratchTree(root);
    trees.push(first);
    onStep(`running ${new Set(trials.map(testKey)).size} tests on the code as it is`);
    await requireSound(first, trials, signal);
    while (trees.length < options.workers) trees.push(await createScratchTree(root));
    onStep(`taking guards away, ${trials.length} times`);
    return await runAll(trees, options);
  } finally {
    await Promise.all(trees.map((tree) => tree.remove()));
  }
}

async function requirePlaced(root: string, { change }: Trial): Promise<void> {
  changed(await readFile(join(root, change.file), "utf8"), change);
}

async function requireSound(tree: ScratchTree, trials: readonly Trial[], signal: AbortSignal): Promise<void> {
  const rooms = roomsOf(trials);
  const refusal = rooms.length === 0 ? null : await build(tree, rooms, { signal });
  if (refusal !== null) throw new UnsoundTests(`The code as it is does not compile:\n${refusal}`);
  const tests = new Map(trials.map((trial) => [testKey(trial), trial.test]));
  const run = await runTests(tree, [...tests.values()], { signal, withinMs: 600_000 });
  signal.throwIfAborted();
  const faults = [...tests.values()].flatMap((test) => {
    const verdict = judgeRun(run, test);
    if (verdict.kind === "passed") return [];
    return [`${test.file}: ${test.name}: ${verdict.kind === "failed" ? verdict.said : verdict.reason}`];
  });
  if (faults.length > 0) throw new UnsoundTests(`On the code as it is these do not pass:\n${faults.join("\n")}`);
}

/** Each tree takes the next trial as soon as it is free. */
async function runAll(
  trees: readonly ScratchTree[],
  { trials, onResult, signal }: CheckOptions,
): Promise<TrialResult[]> {
  const results: TrialResult[] = [];
  let next = 0;
  const work = async (tree: ScratchTree) => {
    const services = await shareServices(tree);
    try {
      for (let index = next++; index < trials.length; index = next++) {
        const trial = trials[index];
        if (trial === undefined) return;
        const result = await runTrial(tree, trial, { services, signal });
        signal.throwIfAborted();
        results[index] = result;
        onResult(result);
      }
    } finally {
      await services?.stop();
    }
  };
  await allEnded(trees.map(work));
  return results;
}

/** The trees are removed afterwards: nobody may be at work in one of them. */
async function allEnded(works: readonly Promise<void>[]): Promise<void> {
  const ends = await Promise.allSettled(works);
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

interface Surroundings {
  readonly services: SharedServices | null;
  readonly signal: AbortSignal;
}

async function runTrial(tree: ScratchTree, trial: Trial, surroundings: Surroundings): Promise<TrialResult> {
  const startedAt = performance.now();
  const restore = await applyChange(tree.path, trial.change);
  try {
    const verdict = await judgeTrial(tree, trial, surroundings);
    const ms = Math.round(performance.now() - startedAt);
    return { trial, verdict, isAsTold: verdict.kind === trial.expected, ms };
  } finally {
    await restore();
  }
}

async function judgeTrial(tree: ScratchTree, trial: Trial, { services, signal }: Surroundings): Promise<Verdict> {
  const refusal = trial.build.length === 0 ? null : await build(tree, trial.build, { signal });
  if (refusal !== null) return { kind: "unclear", reason: `it does not compile: ${refusal}` };
  // The shared database was made before the change.
  const isOfTheDatabase = trial.change.file.startsWith("prisma/");
  const run = await runTests(tree, [trial.test], { signal, services: isOfTheDatabase ? null : services });
  return judgeRun(run, trial.test, trial.failsWith);
}

function roomsOf(trials: readonly Trial[]): string[] {
  return [...new Set(trials.flatMap((trial) => trial.build))];
}

function testKey({ test }: Trial): string {
  return `${test.file} ${test.name}`;
}
