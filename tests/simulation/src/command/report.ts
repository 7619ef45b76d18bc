import { describeReplay } from "./replay.ts";
import type { SimulationReport } from "./run-seeds.ts";

/** The report for people. */
export function describeReport(report: SimulationReport): string {
  const { seeds, connections, days, refreshes, seconds, refreshesPerSecond, threads, memoryMiB } = report;
  const faults = Object.values(report.faults).reduce((sum, count) => sum + count, 0);
  return [
    `${seeds.length} seeds (${seeds[0]} to ${seeds.at(-1)}), each ${connections} connections for ${days} days`,
    `${refreshes} refreshes in ${seconds} s: ${refreshesPerSecond} a second on ${threads} threads, ${memoryMiB} MiB`,
    `outcomes: ${list(report.byOutcome)}`,
    `${faults} faults: ${list(report.faults)}`,
    `connections that came to need their customer: ${list(report.endings)}`,
    `counted: ${list(report.counts)}`,
    report.ok ? "violations: none" : `violations: in ${report.violations.length} of ${seeds.length} seeds`,
    ...report.violations.flatMap((replay) => [
      "",
      `seed ${replay.seed}, as short as it was found:`,
      describeReplay(replay),
    ]),
  ].join("\n");
}

function list(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts).sort(([, one], [, other]) => other - one);
  return entries.map(([name, count]) => `${name} ${count}`).join(", ") || "none";
}
