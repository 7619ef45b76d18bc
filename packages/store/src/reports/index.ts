export { type AppReport, type FleetReport, readFleetReport } from "./fleet-report.ts";
export type { RefreshFailure } from "./latest-failures.ts";
export type { MinuteActivity, OutcomeActivity } from "./recent-activity.ts";
export { readStatusReport, type StatusReport } from "./status-report.ts";
export type { OutcomeTotal } from "./tally-totals.ts";
export type { ConnectionToReauthorize } from "./to-reauthorize.ts";
