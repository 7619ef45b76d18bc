import type { ThroughputReport } from "./run-throughput.ts";

/** The report for people. */
export function describeReport(report: ThroughputReport): string {
  const { sides, ratio, minRatio, connections, faults, machine, servers } = report;
  const rows = Object.entries(sides).map(([name, side]) => [
    name,
    `${side.concurrency}`,
    side.perSecond.join(" "),
    `${side.median}`,
    `${side.min}-${side.max}`,
  ]);
  return [
    ...table([["worker", "in flight", "refreshes/s, each round", "median", "spread"], ...rows]),
    "",
    `ratio of the medians: ${ratio} (asked for: ${minRatio} or more)`,
    `audit: ${faults.length === 0 ? `in every run each of ${connections} grants was rotated exactly once, and its newest token is stored` : "does not hold"}`,
    ...faults.map((fault) => `  ${fault}`),
    `counted: all but the first fifth of each run, from the first token request that the provider saw to the last token set stored`,
    `machine: ${machine.cores} cores of ${machine.cpu}, ${machine.memoryGiB} GiB, Node ${machine.node}, ${machine.system}`,
    `PostgreSQL ${servers.postgres}, fsync ${servers.fsync}, synchronous_commit ${servers.synchronousCommit}`,
  ].join("\n");
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
