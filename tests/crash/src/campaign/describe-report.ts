import { relative } from "node:path";
import { projectRoot } from "@evergrant/testkit";
import type { CountedGrant } from "../audit/audit-world.ts";
import type { Loss } from "../audit/losses.ts";
import type { CampaignReport, WithFaults } from "./report.ts";

const grantsShown = 20;

/** The report for people. */
export function describeReport(report: CampaignReport): string {
  const { exposedBy } = report;
  const lines = [
    `${report.faults} faults in ${minutes(report.lastedSeconds)}, queues in ${report.backend}, seed ${report.seed}`,
    `${report.refreshes} refreshes of ${report.connections} connections (${report.grants} grants, ${report.reconnected} of them consented anew)`,
    "",
    ...table([
      ["lost by us", report.lostByUs, "must be 0"],
      [
        "lost unavoidably",
        report.lostUnavoidably,
        `must be the ${report.exposed} that were exposed, grant by grant: ${exposedBy.placed} where a kill was placed, ` +
          `${exposedBy.collateral} in the same hands, ${exposedBy["answer withheld"]} never answered, ${exposedBy.asleep} asleep`,
      ],
      [
        "lost to the operator",
        report.lostToOperator,
        "by restoring an old token table where a spent token ends a grant",
      ],
      ["ended falsely", report.falseReauth, "must be 0"],
      ["overlaps", report.overlaps, "must be 0"],
      [
        "spent tokens presented",
        report.spentPresented,
        `must be 0; ${report.spentPresentedOfLost} more of grants that were lost already, ${report.spentPresentedInGrace} inside a grace window`,
      ],
      [
        "secrets found",
        report.secretsFound,
        `must be 0; ${megabytes(report.searchedBytes)} of logs, pages, rows, Redis, escrow and arguments were searched`,
      ],
      ["in grace only", report.heldInGrace, "must be 0: connections whose newest token is nowhere in the end"],
      [
        "in memory at most",
        `${report.inMemorySecondsMax} s`,
        "how long an answer had been in the memory of the worker that it died with",
      ],
      [
        "stale at most",
        `${report.staleSecondsMax} s`,
        "how long an access token was expired before its grant was refreshed",
      ],
      [
        "escrow, candidates",
        `${report.settledFromEscrow}, ${report.candidatesUsed}`,
        "token sets that these two saved",
      ],
    ]),
    "",
    "recovery, seconds from the end of a fault until all that waited was refreshed",
    ...recoveryTable(report),
    ...shown("doubts", report.doubts),
    ...brokenLines(report),
    "",
    report.ok ? "Every promise was kept." : "PROMISES WERE BROKEN.",
    `again: ${report.replay}`,
  ];
  return lines.join("\n");
}

function recoveryTable({ faultsByKind, recoverySeconds }: CampaignReport): string[] {
  const rows = Object.entries(faultsByKind)
    .toSorted(([, one], [, other]) => other - one)
    .map(([kind, count]) => {
      const recovery = recoverySeconds[kind];
      return [
        `${count}`,
        kind,
        recovery === undefined ? "" : `p50 ${recovery.p50}`,
        recovery === undefined ? "" : `p99 ${recovery.p99}`,
      ];
    });
  return table(rows);
}

/** Whatever may not be: which grants, what hit them, and where to look. */
function brokenLines({ ok, broken, evidence, logs, endedByThemselves }: CampaignReport): string[] {
  if (ok) return [];
  const { lostByUs, exposedButAlive, falseReauth, overlaps, spentPresented, stories } = evidence;
  return [
    ...shown("broken", broken),
    ...shown("lost by us", lostByUs.map(nameLoss)),
    ...shown(
      "exposed and alive",
      exposedButAlive.map((item) => `${item.grantId}: fault ${item.fault} ${item.kind}`),
    ),
    ...shown("ended falsely", falseReauth.map(nameLoss)),
    ...shown("overlaps", overlaps.map(nameCount)),
    ...shown("spent tokens presented", spentPresented.map(nameCount)),
    ...shown(
      "secrets found",
      evidence.secretsFound.map(({ canary, place, spelling }) => `${canary} in ${place}, ${spelling}`),
    ),
    ...shown("in grace only", evidence.heldInGrace),
    ...shown("ended by themselves", endedByThemselves),
    ...shown(
      "what both sides know of the first of them",
      stories.map((story) => JSON.stringify(story)),
    ),
    "",
    `logs of all processes, and every fault with whom it hit: ${relative(projectRoot, logs)}`,
  ];
}

function nameLoss({ grantId, connectionId, faults }: WithFaults<Loss>): string {
  return `${grantId} (connection ${connectionId}), during ${faults.join(" and ") || "no fault"}`;
}

function nameCount({ grantId, count, faults }: WithFaults<CountedGrant>): string {
  return `${grantId}: ${count}, the last during ${faults.join(" and ") || "no fault"}`;
}

function shown(title: string, items: readonly string[]): string[] {
  if (items.length === 0) return [];
  const more = items.length > grantsShown ? [`  and ${items.length - grantsShown} more`] : [];
  return ["", `${title}:`, ...items.slice(0, grantsShown).map((item) => `  ${item}`), ...more];
}

function table(rows: readonly (readonly (string | number)[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => String(row[column] ?? "").length))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) => String(cell).padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

function minutes(seconds: number): string {
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
