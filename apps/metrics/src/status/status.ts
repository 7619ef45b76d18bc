import type { QueueDepth } from "@evergrant/queue";
import type {
  AppReport,
  ConnectionToReauthorize,
  MinuteActivity,
  OutcomeActivity,
  RefreshFailure,
  StatusReport,
} from "@evergrant/store";
import type { Reading } from "../cached-read.ts";
import type { QueueDepths } from "../readings.ts";
import { judgeFleet, type Verdict } from "./verdict.ts";

/**
 * What `/status.json` answers and the page shows: one moment of the fleet. Times are ISO 8601 in UTC by
 * the database's clock, durations milliseconds. Holds ids and customers' names, never a token.
 */
export interface Status {
  readonly database: "up" | "away";
  readonly queue: "up" | "away";
  /** Refreshes that wait in the escrow; null while it does not answer. */
  readonly escrow: number | null;
  readonly verdict: Verdict;
  /** Null while the database is away. */
  readonly fleet: FleetStatus | null;
}

export interface FleetStatus {
  readonly asOf: Date;
  readonly totals: Totals;
  readonly apps: readonly AppStatus[];
  /** The last 60 minutes, oldest first; the last one has only begun. */
  readonly minutes: readonly MinuteActivity[];
  /** The newest; `totals.needsReauth` counts all. */
  readonly toReauthorize: readonly ConnectionToReauthorize[];
  /** The newest. */
  readonly failures: readonly RefreshFailure[];
}

export interface Totals {
  readonly connections: number;
  readonly active: number;
  readonly needsReauth: number;
  readonly stale: number;
  readonly overdue: number;
  readonly oldestDueAgeMs: number;
  readonly openIntents: number;
  /** Of all time: refreshes that ended, and of these with a new refresh token, and refused with invalid_grant. */
  readonly refreshes: number;
  readonly rotated: number;
  readonly invalidGrants: number;
  readonly lastHour: WindowStatus;
  readonly lastDay: WindowStatus;
}

export interface WindowStatus {
  readonly refreshes: number;
  readonly invalidGrants: number;
}

export interface AppStatus extends Omit<AppReport, "connections" | "outcomes"> {
  readonly active: { readonly fresh: number; readonly keepalive: number; readonly off: number };
  readonly needsReauth: number;
  /** Refreshes of all time by outcome; only what occurred. */
  readonly refreshes: Readonly<Record<string, number>>;
  /** The same of the last hour. */
  readonly lastHourOutcomes: Readonly<Record<string, number>>;
  readonly lastHour: WindowStatus & { readonly latenessMsMean: number; readonly latenessMsMax: number };
  readonly lastDay: WindowStatus;
  /** Null while the queue is away. */
  readonly queue: QueueDepth | null;
}

/** Pure: what was read goes in, what is shown comes out. */
export function describeStatus({
  status,
  queue,
  escrow,
}: {
  readonly status: Reading<StatusReport>;
  readonly queue: Reading<QueueDepths>;
  readonly escrow: Reading<number>;
}): Status {
  const waiting = escrow === "away" ? null : escrow.value;
  const fleet = status === "away" ? null : describeFleet(status.value, queue === "away" ? null : queue.value);
  return {
    database: fleet === null ? "away" : "up",
    queue: queue === "away" ? "away" : "up",
    escrow: waiting,
    verdict: judgeFleet(fleet, queue !== "away", waiting ?? 0),
    fleet,
  };
}

function describeFleet(report: StatusReport, queue: QueueDepths | null): FleetStatus {
  const apps = report.apps.map((app) => describeApp(app, report.activity, queue?.get(app.appId) ?? null));
  const { asOf, minutes, toReauthorize, failures } = report;
  return { asOf, totals: sumApps(apps), apps, minutes, toReauthorize, failures };
}

function describeApp(
  { connections, outcomes, ...app }: AppReport,
  allActivity: readonly OutcomeActivity[],
  queue: QueueDepth | null,
): AppStatus {
  const activity = allActivity.filter(({ appId }) => appId === app.appId);
  const count = (state: string, mode?: string) =>
    sum(
      connections.filter((row) => row.state === state && (mode ?? row.mode) === row.mode),
      (row) => row.connections,
    );
  const lastHour = windowOf(activity, (row) => row.lastHour);
  return {
    ...app,
    active: { fresh: count("active", "fresh"), keepalive: count("active", "keepalive"), off: count("active", "off") },
    needsReauth: count("needs_reauth"),
    refreshes: byOutcome(outcomes, (row) => row.refreshes),
    lastHourOutcomes: byOutcome(activity, (row) => row.lastHour),
    lastHour: {
      ...lastHour,
      latenessMsMean:
        lastHour.refreshes === 0 ? 0 : Math.round(sum(activity, (row) => row.latenessMsSum) / lastHour.refreshes),
      latenessMsMax: Math.max(0, ...activity.map((row) => row.latenessMsMax)),
    },
    lastDay: windowOf(activity, (row) => row.lastDay),
    queue,
  };
}

function windowOf(activity: readonly OutcomeActivity[], read: (row: OutcomeActivity) => number): WindowStatus {
  const rejected = activity.filter(({ outcome }) => outcome === "rejected");
  return { refreshes: sum(activity, read), invalidGrants: sum(rejected, read) };
}

/** An app's outcomes come apart by cause, which is not asked for here. */
function byOutcome<Row extends { readonly outcome: string }>(
  rows: readonly Row[],
  read: (row: Row) => number,
): Record<string, number> {
  const outcomes = [...new Set(rows.map(({ outcome }) => outcome))];
  return Object.fromEntries(
    outcomes
      .map(
        (outcome) =>
          [
            outcome,
            sum(
              rows.filter((row) => row.outcome === outcome),
              read,
            ),
          ] as const,
      )
      .filter(([, refreshes]) => refreshes > 0),
  );
}

function sumApps(apps: readonly AppStatus[]): Totals {
  const total = (read: (app: AppStatus) => number) => sum(apps, read);
  const active = total((app) => app.active.fresh + app.active.keepalive + app.active.off);
  const needsReauth = total((app) => app.needsReauth);
  return {
    connections: active + needsReauth,
    active,
    needsReauth,
    stale: total((app) => app.stale),
    overdue: total((app) => app.overdue),
    oldestDueAgeMs: Math.max(0, ...apps.map((app) => app.oldestDueAgeMs)),
    openIntents: total((app) => app.openIntents),
    refreshes: total((app) => sum(Object.values(app.refreshes), (value) => value)),
    rotated: total((app) => app.refreshes.rotated ?? 0),
    invalidGrants: total((app) => app.refreshes.rejected ?? 0),
    lastHour: sumWindows(apps.map((app) => app.lastHour)),
    lastDay: sumWindows(apps.map((app) => app.lastDay)),
  };
}

function sumWindows(windows: readonly WindowStatus[]): WindowStatus {
  return {
    refreshes: sum(windows, (window) => window.refreshes),
    invalidGrants: sum(windows, (window) => window.invalidGrants),
  };
}

function sum<Row>(rows: readonly Row[], read: (row: Row) => number): number {
  return rows.reduce((total, row) => total + read(row), 0);
}
