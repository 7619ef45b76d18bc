import type { Change } from "./apply-mutant.ts";
import type { Invariant, TestName } from "./invariant.ts";

/** One change, and what its test must make of it. */
export interface Trial {
  readonly invariant: number;
  readonly name: string;
  readonly change: Change;
  readonly test: TestName;
  /** `failed` for a guard that is taken away; `passed` for what is no guard. */
  readonly expected: "failed" | "passed";
  readonly failsWith?: string;
  readonly build: readonly string[];
}

/** Every trial of the table, in its order. */
export function trialsOf(invariants: readonly Invariant[]): Trial[] {
  return invariants.flatMap(({ number, guards, notNeeded = [] }) => [
    ...guards.flatMap((guard) =>
      guard.mutants.map(
        ({ name, find, replace, test = guard.test, failsWith, build = [] }): Trial => ({
          invariant: number,
          name,
          change: { file: guard.file, find, replace },
          test,
          expected: "failed",
          ...(failsWith === undefined ? {} : { failsWith }),
          build,
        }),
      ),
    ),
    ...notNeeded.map(
      ({ name, file, find, replace, test }): Trial => ({
        invariant: number,
        name,
        change: { file, find, replace },
        test,
        expected: "passed",
        build: [],
      }),
    ),
  ]);
}

/**
 * The trials that are asked for by the number of an invariant or by their own name; all when none is.
 *
 * @throws RangeError that names what matches nothing
 */
export function chooseTrials(trials: readonly Trial[], only: readonly string[]): readonly Trial[] {
  if (only.length === 0) return trials;
  const isAsked = (trial: Trial, asked: string) => asked === String(trial.invariant) || asked === trial.name;
  const unknown = only.filter((asked) => !trials.some((trial) => isAsked(trial, asked)));
  if (unknown.length > 0) throw new RangeError(`There is no invariant and no mutant called ${unknown.join(", ")}.`);
  return trials.filter((trial) => only.some((asked) => isAsked(trial, asked)));
}
