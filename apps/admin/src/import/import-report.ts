import type { LineResult } from "./import-lines.ts";

/** How many lines came to what. */
export type ImportSummary = Readonly<Record<LineResult["result"] | "lines", number>>;

export const EMPTY_SUMMARY: ImportSummary = {
  lines: 0,
  imported: 0,
  reconnected: 0,
  replaced: 0,
  unchanged: 0,
  rejected: 0,
};

/** The summary with more lines counted. */
export function addToSummary(summary: ImportSummary, results: readonly LineResult[]): ImportSummary {
  const sum = { ...summary, lines: summary.lines + results.length };
  for (const { result } of results) sum[result] += 1;
  return sum;
}

/** The last line for people. */
export function summaryInWords(summary: ImportSummary, source: string): string {
  if (summary.lines === 0) return `${source} holds no lines: nothing to import.`;
  const kinds = ["imported", "reconnected", "replaced", "unchanged", "rejected"] as const;
  const counts = kinds.filter((kind) => summary[kind] > 0).map((kind) => `${summary[kind]} ${kind}`);
  return `${summary.lines} ${summary.lines === 1 ? "line" : "lines"}: ${counts.join(", ")}.`;
}
