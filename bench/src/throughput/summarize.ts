import type { Run } from "./measure.ts";

/** Refreshes a second of one side over all rounds. */
export interface Summary {
  readonly concurrency: number;
  readonly perSecond: readonly number[];
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** @param runs of one side at one concurrency, at least one */
export function summarize(runs: readonly Run[]): Summary {
  const perSecond = runs.map((run) => Math.round(run.perSecond));
  return {
    concurrency: runs[0]?.concurrency ?? 0,
    perSecond,
    median: median(perSecond),
    min: Math.min(...perSecond),
    max: Math.max(...perSecond),
  };
}

/** The faster one of runs that differ in concurrency. */
export function fastest(runs: readonly Run[]): Run {
  return runs.reduce((best, run) => (run.perSecond > best.perSecond ? run : best));
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2;
}
