import { type FleetReport, readFleet } from "./fleet-report.ts";
import { type RefreshFailure, readLatestFailures } from "./latest-failures.ts";
import { type ReportSource, readOnlySnapshot } from "./read-only-snapshot.ts";
import { type MinuteActivity, type OutcomeActivity, readMinutes, readRecentActivity } from "./recent-activity.ts";
import { type ConnectionToReauthorize, readToReauthorize } from "./to-reauthorize.ts";

/** The fleet, what it did lately and who must act, all of one moment. */
export interface StatusReport extends FleetReport {
  readonly activity: readonly OutcomeActivity[];
  /** The last 60 minutes, oldest first. */
  readonly minutes: readonly MinuteActivity[];
  /** The newest; how many there are in all is in the counts of each app. */
  readonly toReauthorize: readonly ConnectionToReauthorize[];
  readonly failures: readonly RefreshFailure[];
}

const TO_REAUTHORIZE_SHOWN = 50;
const FAILURES_SHOWN = 20;

/**
 * Reads what the status page shows.
 *
 * @param timeoutMs bound of each statement and of the whole
 * @throws the driver's error when the database is away or too slow
 */
export function readStatusReport(
  store: ReportSource,
  { timeoutMs }: { readonly timeoutMs: number },
): Promise<StatusReport> {
  return readOnlySnapshot(store, timeoutMs, async (snapshot) => ({
    ...(await readFleet(snapshot)),
    activity: await readRecentActivity(snapshot),
    minutes: await readMinutes(snapshot),
    toReauthorize: await readToReauthorize(snapshot, TO_REAUTHORIZE_SHOWN),
    failures: await readLatestFailures(snapshot, FAILURES_SHOWN),
  }));
}
