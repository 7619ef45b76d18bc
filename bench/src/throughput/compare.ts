import type { Run } from "./measure.ts";

/** Refreshes a second of one side over all rounds. */
export interface Side {
  readonly concurrency: number;
  readonly perSecond: readonly number[];
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Comparison {
  /** Every audit holds, and the ratio is the one asked for or more. */
  readonly ok: boolean;
  /** Median of the first side over median of the second, cut off after two digits. */
  readonly ratio: number;
  readonly sides: Readonly<Record<string, Side>>;
  /** What the audits found wrong, with the run that it was found in. */
  readonly faults: readonly string[];
}

/**
 * Weighs the rounds of two sides against each other. Pure.
 *
 * @param trials runs that are not weighed; their audits have to hold as well
 */
export function compare(
  [first, second]: readonly [string, string],
  runs: { readonly rounds: readonly Run[]; readonly trials: readonly Run[] },
  minRatio: number,
): Comparison {
  const sideOf = (name: string) => summarize(runs.rounds.filter((run) => run.contender === name));
  const sides = { [first]: sideOf(first), [second]: sideOf(second) };
  const ratio = Math.floor((sideOf(first).median / sideOf(second).median) * 100) / 100;
  const faults = [...runs.trials, ...runs.rounds].flatMap((run) =>
    run.faults.map((fault) => `${describeRun(run)}: ${fault}`),
  );
  return { ok: faults.length === 0 && ratio >= minRatio, ratio, sides, faults };
}

/** One run in a line. */
export function describeRun({ contender, concurrency, perSecond }: Run): string {
  return `${contender} with ${concurrency} in flight: ${Math.round(perSecond)} refreshes/s`;
}

function summarize(runs: readonly Run[]): Side {
  const perSecond = runs.map((run) => Math.round(run.perSecond));
  return {
    concurrency: runs[0]?.concurrency ?? 0,
    perSecond,
    median: median(perSecond),
    min: Math.min(...perSecond),
    max: Math.max(...perSecond),
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2;
}
