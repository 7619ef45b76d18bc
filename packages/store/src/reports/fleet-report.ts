import type { ConnectionState, RefreshMode } from "@evergrant/core";
import { type AppRow, readAppRows } from "./app-rows.ts";
import { type ConnectionCount, type ExpiringCounts, readConnectionCounts } from "./connection-counts.ts";
import { type ReportSource, readOnlySnapshot, type Snapshot } from "./read-only-snapshot.ts";
import { type OutcomeTotal, readTallyTotals } from "./tally-totals.ts";
import { readUnsettledCounts, type UnsettledCount } from "./unsettled-counts.ts";

/** The fleet at one moment, by the database's clock. */
export interface FleetReport {
  readonly asOf: Date;
  /** Every registered app, by id, those without connections too. */
  readonly apps: readonly AppReport[];
}

export interface AppReport extends AppRow, Omit<UnsettledCount, "appId"> {
  /** Only the pairs of state and mode that occur. */
  readonly connections: readonly {
    readonly state: ConnectionState;
    readonly mode: RefreshMode;
    readonly connections: number;
  }[];
  readonly stale: number;
  readonly overdue: number;
  readonly oldestDueAgeMs: number;
  readonly expiring: ExpiringCounts;
  readonly ending: ExpiringCounts;
  /** Of all time; only what occurred. */
  readonly outcomes: readonly Omit<OutcomeTotal, "appId">[];
}

/**
 * Reads the fleet from rows and tally: exact after any restart of any process, and all of one moment.
 *
 * @param timeoutMs bound of each statement and of the whole
 * @throws the driver's error when the database is away or too slow
 */
export function readFleetReport(
  store: ReportSource,
  { timeoutMs }: { readonly timeoutMs: number },
): Promise<FleetReport> {
  return readOnlySnapshot(store, timeoutMs, readFleet);
}

/** The same within a transaction that reads more. */
export async function readFleet(snapshot: Snapshot): Promise<FleetReport> {
  const { asOf, apps } = await readAppRows(snapshot);
  const counts = await readConnectionCounts(snapshot);
  const totals = await readTallyTotals(snapshot);
  const unsettled = await readUnsettledCounts(snapshot);
  return {
    asOf,
    apps: apps.map((app) => ({
      ...app,
      ...sumCounts(counts.filter((count) => count.appId === app.appId)),
      ...(unsettled.find((count) => count.appId === app.appId) ?? NOTHING_UNSETTLED),
      outcomes: totals.filter((total) => total.appId === app.appId).map(({ appId: _, ...total }) => total),
      appId: app.appId,
    })),
  };
}

const NOTHING_UNSETTLED = { openIntents: 0, abandonedIntents: 0, oldestIntentAgeMs: 0, candidates: 0 };

function sumCounts(counts: readonly ConnectionCount[]) {
  const sum = (read: (count: ConnectionCount) => number) => counts.reduce((total, count) => total + read(count), 0);
  const sumDays = (read: (count: ConnectionCount) => ExpiringCounts): ExpiringCounts => ({
    days7: sum((count) => read(count).days7),
    days30: sum((count) => read(count).days30),
    days90: sum((count) => read(count).days90),
  });
  return {
    connections: counts.map(({ state, mode, connections }) => ({ state, mode, connections })),
    stale: sum((count) => count.stale),
    overdue: sum((count) => count.overdue),
    oldestDueAgeMs: Math.max(0, ...counts.map((count) => count.oldestDueAgeMs)),
    expiring: sumDays((count) => count.expiring),
    ending: sumDays((count) => count.ending),
  };
}
